"""The directory topics in memory of every process, and the command that fills them."""
