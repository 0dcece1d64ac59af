"""The read model: `ticket.*` projected into Redis, for the progress page, boards and the query API.

Reading order: `projecting` (records into changes), `apply.lua` (what a change does in Redis), `queries` (the way out);
the loop and the positions are `_runtime/view`. It can be lost at any time: whoever finds it gone or behind reads the
topics again, and what was applied already is skipped.
"""
