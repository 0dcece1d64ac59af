"""The functional core of a processor: topologies, batches, state and timers as values, without I/O or a clock."""
