"""How a command loads TensorFlow, in a process of its own."""

import subprocess
import sys

CODE = """
import atexit, gc, sys
from tfp_flows.cli.start import load_tensorflow

atexit.register(lambda: print("frozen at exit", gc.get_freeze_count() > 500_000))
load_tensorflow()
print("frozen", gc.get_freeze_count() > 300_000, "on", gc.isenabled())
print("left out", {"matplotlib", "sklearn", "IPython"} & set(sys.modules))
import matplotlib.pyplot
import sklearn
frozen = gc.get_freeze_count()
load_tensorflow()
print("once", gc.get_freeze_count() == frozen)
x = [[] for _ in range(500_000)]
"""


def test_loads_frozen_quietly_and_without_what_commands_do_not_use():
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True
    )
    # What is registered first at exit runs last, after the freeze.
    assert done.stdout.splitlines() == [
        "frozen True on True",
        "left out set()",
        "once True",
        "frozen at exit True",
    ]
    assert done.stderr == ""
