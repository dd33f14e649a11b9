"""Replies: the values that a Handler may return, as bytes."""
