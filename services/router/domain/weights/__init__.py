"""Who should rather take a piece of work. One rule a file; each gives 0 to 1, none drops.

`assignment` multiplies each with its factor (settings) and adds them up.
"""
