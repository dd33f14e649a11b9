"""The process of a replica: the worker processes that it forks, children that the function forks, and how it ends."""
