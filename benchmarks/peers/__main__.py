"""Runs one job in this process and prints its numbers as one line of JSON.

python -m benchmarks.peers '{"module": "pyro", "task": "step-time", ...}'
"""

import importlib
import json
import sys
import time

from benchmarks import machine


def run(job):
    """The numbers of `job`, and those of its process.

    They are the seconds to import its libraries, those from the start of the process to
    the answer, and versions.
    """
    started = time.perf_counter()
    module = importlib.import_module(f"benchmarks.peers.{job['module']}")
    import_seconds = time.perf_counter() - started
    numbers = module.TASKS[job["task"]](job)
    # On one machine all processes read the same clock.
    answered_seconds = time.perf_counter() - job["started"]
    return dict(
        numbers,
        import_seconds=import_seconds,
        answered_seconds=answered_seconds,
        versions=machine.versions_of(module.PACKAGES),
    )


if __name__ == "__main__":
    answer = run(json.loads(sys.argv[1]))
    print("\n" + json.dumps(answer, allow_nan=False), flush=True)
