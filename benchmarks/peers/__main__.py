"""Runs one job in this process and prints its numbers as one line of JSON.

python -m benchmarks.peers '{"module": "pyro", "task": "step-time", ...}'
"""

import importlib
import importlib.metadata
import json
import sys
import time


def run(job):
    """The numbers of `job`, with the time to import its libraries and their versions."""
    started = time.perf_counter()
    module = importlib.import_module(f"benchmarks.peers.{job['module']}")
    import_seconds = time.perf_counter() - started
    numbers = module.TASKS[job["task"]](job)
    versions = {name: version_of(name) for name in module.PACKAGES}
    return dict(numbers, import_seconds=import_seconds, versions=versions)


def version_of(package):
    """The version of a package; of this one that of its code.

    An editable installation keeps the version of the day on which it was made.
    """
    if package == "tfp_flows":
        return importlib.import_module("tfp_flows.version").__version__
    return importlib.metadata.version(package)


if __name__ == "__main__":
    answer = run(json.loads(sys.argv[1]))
    print("\n" + json.dumps(answer, allow_nan=False), flush=True)
