"""The package that scripts for the original DCF import: see dcfgrpc.api."""

__all__ = ["api"]
