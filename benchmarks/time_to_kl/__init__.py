"""Time to a good fit: how long from the start of a process to a flow of so small a KL.

The command is in `__main__`. `workers` has a file per library, which run in environments
of their own: they import `densities`, `judge` and `workers.protocol` alone, none of which
needs more than NumPy.
"""
