"""The measurements, one a module; `benchmarks.__main__` lists them in the order in which they run."""
