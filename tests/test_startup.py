"""How TensorFlow is loaded: without collections, and by a command quietly."""

import contextlib
import gc
import subprocess
import sys

import pytest

import tfp_flows as tff
from tfp_flows import startup


@pytest.mark.parametrize("enabled", [True, False])
def test_paused_leaves_the_collector_as_it_was(enabled):
    was_enabled = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with startup.collector_paused():
            assert not gc.isenabled()
        assert gc.isenabled() == enabled
        with contextlib.suppress(RuntimeError), startup.collector_paused():
            raise RuntimeError
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()


def test_submodules_load_without_collections(monkeypatch):
    seen = []
    monkeypatch.setattr(
        tff.importlib, "import_module", lambda name: seen.append((name, gc.isenabled()))
    )
    tff.__getattr__("vi")
    assert seen == [("tfp_flows.vi", False)]


CODE = """
import atexit, gc, sys
from tfp_flows.startup import load_tensorflow

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
