"""Workers: each file does the work of one library, in a process of its own.

Every worker module has `TASKS`, a `dict` from the name of a workload to a function of
the job that returns numbers by name, and `PACKAGES`, whose versions are recorded. Only
`ours` and `tfb_chain` import tfp_flows. This file imports nothing: it is part of every
measured start-up.
"""
