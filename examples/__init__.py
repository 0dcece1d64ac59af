"""Small whole programs that subscribe to Aftercare: run them with `python -m examples.<name>`."""
