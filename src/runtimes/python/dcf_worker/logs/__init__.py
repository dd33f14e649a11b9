"""The function's log: what it prints, and what it logs with the module logging."""
