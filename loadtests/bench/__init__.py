"""The bench: measures the figures P1 to P8 on a pipeline of its own, and beside each what the machine itself can do."""
