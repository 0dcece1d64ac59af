"""The engines that are measured beside each other: all do the work of `benchmarks.work`, each in a process of its own.

`catalog` lists them, `running` starts one and measures it from outside, `audit` reads what it wrote. The other modules
are the engines: each is a program that gets an `Order` and works until SIGTERM.
"""
