"""Interrupted fits go on to the same numbers; bad files are refused and left alone."""

import json
import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfp_flows as tff

ARGUMENTS = dict(
    num_steps=90, sample_size=32, seed=1, progress_bar=False, jit_compile=False
)


class DiedError(Exception):
    """What stands for the end of a process."""


def target(x):
    return -0.5 * tf.reduce_sum((x - 1.0) ** 2, axis=-1)


def fit(flow=None, **arguments):
    flow = flow or tff.planar_flow(2, 4, seed=0)
    return tff.vi.fit_reverse_kl(flow, target, **(ARGUMENTS | arguments))


def assert_same(first, second):
    for trace in ("loss", "beta", "gradient_norm"):
        np.testing.assert_array_equal(getattr(first, trace), getattr(second, trace))
    pairs = zip(
        first.flow.trainable_variables, second.flow.trainable_variables, strict=True
    )
    for a, b in pairs:
        np.testing.assert_array_equal(a, b)


def interrupt(monkeypatch, after, **arguments):
    """A fit that dies right after its `after`-th checkpoint."""
    save, count = tff.vi.checkpoint.Checkpoint.save, []

    def save_and_die(self, *args):
        save(self, *args)
        count.append(1)
        if len(count) == after:
            raise DiedError

    with monkeypatch.context() as context:
        context.setattr(tff.vi.checkpoint.Checkpoint, "save", save_and_die)
        with pytest.raises(DiedError):
            fit(**arguments)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("after", [1, 5])
def test_resumes_to_the_same_numbers(after, jit_compile, tmp_path, monkeypatch):
    undisturbed = fit(jit_compile=jit_compile)
    settings = dict(jit_compile=jit_compile, checkpoint_dir=tmp_path, checkpoint_steps=16)
    interrupt(monkeypatch, after, **settings)
    # Another start, which the checkpoint replaces.
    resumed = fit(tff.planar_flow(2, 4, seed=7), **settings)
    assert_same(resumed, undisturbed)
    assert resumed.num_steps_done == 90


def builders():
    yield lambda: tff.radial_flow(2, 3, seed=0)
    yield lambda: tff.planar_flow(2, 3, seed=0, batch_shape=(4,))
    yield lambda: tff.planar_flow(3, 2, seed=0, dtype=tf.float64, fused=False)


@pytest.mark.parametrize("build", builders())
@pytest.mark.parametrize(
    "make_optimizer",
    [lambda: None, lambda: keras.optimizers.RMSprop(1e-2), tf_keras.optimizers.Adam],
)
def test_any_flow_and_optimizer(build, make_optimizer, tmp_path, monkeypatch):
    undisturbed = fit(build(), optimizer=make_optimizer())
    settings = dict(checkpoint_dir=tmp_path, checkpoint_steps=40)
    interrupt(monkeypatch, 2, flow=build(), optimizer=make_optimizer(), **settings)
    assert_same(fit(build(), optimizer=make_optimizer(), **settings), undisturbed)


def test_checkpoints_change_nothing(tmp_path):
    assert_same(fit(checkpoint_dir=tmp_path, checkpoint_steps=7), fit())
    assert_same(fit(checkpoint_dir=tmp_path / "b", checkpoint_seconds=0.0), fit())


def test_a_finished_fit_returns_at_once(tmp_path):
    first = fit(checkpoint_dir=tmp_path)
    again = fit(tff.planar_flow(2, 4, seed=3), checkpoint_dir=tmp_path)
    assert_same(first, again)
    assert again.seconds >= first.train_seconds


def test_the_seed_comes_from_the_checkpoint(tmp_path, monkeypatch):
    settings = dict(checkpoint_dir=tmp_path, checkpoint_steps=30, seed=None)
    interrupt(monkeypatch, 1, **settings)
    resumed = fit(**settings)
    assert_same(fit(seed=tf.constant(resumed.settings["seed"])), resumed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(seed=2), "seed.*instead of"),
        (dict(num_steps=91), "num_steps 90 instead of 91"),
        (dict(sample_size=33), "sample_size 32 instead of 33"),
        (dict(flow=tff.planar_flow(2, 5, seed=0)), r"shape \(4,.*has \(5,"),
        (dict(optimizer=keras.optimizers.SGD(0.1)), "optimizer"),
    ],
)
def test_a_foreign_checkpoint_is_refused(arguments, message, tmp_path):
    fit(checkpoint_dir=tmp_path)
    before = (tmp_path / "fit.npz").read_bytes()
    flow = arguments.pop("flow", tff.planar_flow(2, 4, seed=5))
    start = [v.numpy() for v in flow.trainable_variables]
    with pytest.raises(ValueError, match=message):
        fit(flow, checkpoint_dir=tmp_path, **arguments)
    assert (tmp_path / "fit.npz").read_bytes() == before
    for value, variable in zip(start, flow.trainable_variables, strict=True):
        np.testing.assert_array_equal(value, variable)


def damaged_files(content):
    yield content[: len(content) // 2]
    yield b""
    yield b"not an archive"
    yield content[:300] + bytes(100) + content[400:]


def test_damaged_checkpoints_are_refused(tmp_path):
    fit(checkpoint_dir=tmp_path)
    path = tmp_path / "fit.npz"
    for content in list(damaged_files(path.read_bytes())):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"damaged.*left as it is"):
            fit(checkpoint_dir=tmp_path)
        assert path.read_bytes() == content


def test_other_archives_and_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "fit.npz", w=np.ones(3))
    with pytest.raises(ValueError, match="no checkpoint of a fit"):
        fit(checkpoint_dir=tmp_path)
    np.savez(tmp_path / "fit.npz", metadata=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="no checkpoint of a fit"):
        fit(checkpoint_dir=tmp_path)
    metadata = dict(format="tfp_flows/fit", version=99, settings=dict(seed=[0, 1]))
    np.savez(tmp_path / "fit.npz", metadata=np.array(json.dumps(metadata)))
    with pytest.raises(ValueError, match="version 99"):
        fit(checkpoint_dir=tmp_path)


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"checkpoint_steps.*0"):
        fit(checkpoint_dir="unused", checkpoint_steps=0)


NUM_KILLS = 8

KILLED = """
import sys
import numpy as np, tensorflow as tf
import tfp_flows as tff

flow = tff.planar_flow(2, 4, seed=0)
result = tff.vi.fit_reverse_kl(
    flow, tff.targets.get("example1").unnormalized_log_prob, num_steps=4000,
    sample_size=512, seed=1, progress_bar=False, jit_compile=True,
    checkpoint_dir=sys.argv[1] or None, checkpoint_steps=50, steps_per_execution=25,
)
np.savez(sys.argv[2], result.loss, *(v.numpy() for v in flow.trainable_variables))
"""


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path, rng):
    # kill -9 until NUM_KILLS have hit a fit that was under way; then let it end.
    def start(folder, out):
        command = [sys.executable, "-c", KILLED, str(folder), str(out)]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)

    assert start("", tmp_path / "expected.npz").wait() == 0
    folder, out, kills = tmp_path / "fit", tmp_path / "actual.npz", 0
    while not out.exists():
        process = start(folder, out)
        path = folder / "fit.npz"
        before = path.stat().st_mtime_ns if path.exists() else None
        while process.poll() is None and kills < NUM_KILLS:
            if path.exists() and path.stat().st_mtime_ns != before:
                time.sleep(rng.uniform(0.0, 0.02))
                os.kill(process.pid, signal.SIGKILL)
                kills += process.wait() == -signal.SIGKILL
        process.wait()
    assert kills == NUM_KILLS
    with np.load(out) as actual, np.load(tmp_path / "expected.npz") as expected:
        for name in expected:
            np.testing.assert_array_equal(actual[name], expected[name])
