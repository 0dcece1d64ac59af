"""Five independent stream processors and the runtime they stand on; they meet only on topics."""
