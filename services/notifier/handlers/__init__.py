"""The two processors: `notify` decides who is told what, `delivery` sees it through.

`notify` reads off an event what is new (`news`), whom it concerns (`recipients`) and what they are told (`letters`;
their `links` are signed); `bundling` makes one message of many for `delivery`.
"""
