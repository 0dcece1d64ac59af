"""The notifier's outside edges: files of the package, the directory, and the senders.

`package_data` and `lookups` bring in what decisions look at. `sender` takes attempts over from the processor's thread,
`email` makes them, and their results go to `notifier.results`.
"""
