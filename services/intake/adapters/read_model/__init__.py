"""The read model: `ticket.*` projected into Redis, for the progress page, boards and the query API.

Reading order: `slices` (records into changes), `projector` (changes into Redis, with the
positions in the same step), `following` (the loop), `queries` (the way out). It can be lost at any time: whoever finds
it gone or behind reads the topics again, and what was applied already is skipped.
"""
