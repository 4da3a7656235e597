"""How TensorFlow is loaded: without collections, and by a command quietly."""

import contextlib
import gc
import os
import re
import subprocess
import sys

import pytest
import tensorflow as tf

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


CACHED = """
import hashlib, sys
import tfp_flows as tff

folder = tff.startup.cache_compilations(sys.argv[1])
assert tff.startup.cache_compilations(sys.argv[1]) == folder
scale = float(sys.argv[2])
result = tff.vi.fit_reverse_kl(
    tff.planar_flow(2, 2, seed=0),
    lambda x: -scale * (x[..., 0] ** 2 + x[..., 1] ** 2),
    num_steps=20, jit_compile=True, seed=0, progress_bar=False,
)
print(len(list(folder.iterdir())))
print(hashlib.sha256(result.loss.tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_what_was_compiled_is_found_by_the_next_process(tmp_path):
    def run(scale):
        command = [sys.executable, "-c", CACHED, str(tmp_path / "a folder"), scale]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def lines(scale):
        return run(scale).stdout.splitlines()

    first, second, other = lines("0.5"), lines("0.5"), lines("0.7")
    assert first == second
    assert first[0] == "1"
    # Another constant is another program.
    assert other[0] == "2"
    assert first[1] != other[1]
    for path in tmp_path.glob("*/*/*"):
        os.truncate(path, 500)
    assert re.search(r"XlaError: .* or delete .*a folder.* if a file", run("0.5").stderr)


def test_flags_that_come_too_late_or_are_others_are_refused(tmp_path, monkeypatch):
    assert tf.constant(1.0) + 1.0 == 2.0
    monkeypatch.delenv("TF_XLA_FLAGS", raising=False)
    with pytest.raises(RuntimeError, match="has computed something already"):
        startup.cache_compilations(tmp_path)
    assert "TF_XLA_FLAGS" not in os.environ
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_persistent_cache_directory=/other")
    with pytest.raises(ValueError, match=r"names a folder for what is compiled.*other"):
        startup.cache_compilations(tmp_path)
    monkeypatch.setenv("TF_XLA_FLAGS", "flags.txt")
    with pytest.raises(ValueError, match=r"'flags\.txt', a file of flags"):
        startup.cache_compilations(tmp_path)
    monkeypatch.delenv("TF_XLA_FLAGS")
    with pytest.raises(ValueError, match="A folder in quotes"):
        startup.cache_compilations(tmp_path / 'a "folder"')
    assert not list(tmp_path.iterdir())
