"""Views in Redis that rebuild themselves: topics projected by Lua, with the positions in the same atomic step.

Reading order: `slices` (records into changes), `projector` (changes into Redis), `following` (the loop), `lease` (one
instance at a time). A service brings its topics, a function from a record to a change, and a Lua function
`apply(prefix, change)`; `slices.lua` does the rest.
"""
