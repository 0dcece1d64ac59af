"""HTTP: `board` (the coordinators' page, and what they do there), with what it needs of the rest in `ports`."""
