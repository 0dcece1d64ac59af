"""The two processors: `notify` decides who is told what, `delivery` sees it through. `links` signs links."""
