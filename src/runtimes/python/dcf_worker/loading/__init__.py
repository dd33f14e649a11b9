"""Loading of a function: its import paths, its modules, and how its Handler is built and called."""
