"""HTTP: `explain` (what the clocks of a ticket say, and why), `board` (the page), with what they need in `ports`."""
