"""Calls: requests, the three ways to run them, their answers, streams and nested calls."""
