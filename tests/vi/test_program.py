"""Programs are kept for the same target and settings, and for nothing else."""

import contextlib

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows as tff
from tfp_flows.vi import program, reverse_kl

SIZES = dict(num_steps=6, sample_size=8, jit_compile=False, progress_bar=False)
POINTS = tf.constant([[0.0, 1.0], [2.0, 3.0]])


class Target:
    """A normal whose mean can be assigned to."""

    def __init__(self, mean=0.0):
        self.mean = mean

    def log_prob_fn(self, x):
        return -0.5 * tf.reduce_sum((x - self.mean) ** 2, axis=-1)


@pytest.fixture(autouse=True)
def kept(monkeypatch):
    """The programs that are kept: none at first."""
    kept = type(program._kept)()
    monkeypatch.setattr(program, "_kept", kept)
    return kept


def borrow(target, key="key"):
    """What stands for the program of such a fit."""
    with program.kept_program(key, target, POINTS, object) as found:
        return found


def test_the_same_key_and_target_get_the_same_program():
    target = Target()
    first = borrow(target.log_prob_fn)
    assert borrow(target.log_prob_fn) is first
    assert borrow(target.log_prob_fn, key="other") is not first
    assert borrow(Target().log_prob_fn) is not first
    assert borrow(target.log_prob_fn) is first


def test_without_a_key_nothing_is_kept(kept):
    borrow(Target().log_prob_fn, key=None)
    assert not kept


def test_a_target_that_has_changed_gets_another_program():
    target = Target()
    first = borrow(target.log_prob_fn)
    target.mean = 1.0
    second = borrow(target.log_prob_fn)
    assert second is not first
    assert borrow(target.log_prob_fn) is second


def test_a_program_in_use_is_nobody_elses():
    target = Target().log_prob_fn
    with program.kept_program("key", target, POINTS, object) as first:
        assert borrow(target) is not first


def test_a_failed_fit_leaves_its_program():
    target = Target().log_prob_fn
    with (
        contextlib.suppress(ArithmeticError),
        program.kept_program("key", target, POINTS, object) as first,
    ):
        raise ArithmeticError
    assert borrow(target) is first


def test_the_last_four_are_kept(kept):
    targets = [Target().log_prob_fn for _ in range(6)]
    first, *_, last = [borrow(target) for target in targets]
    assert len(kept) == 4
    assert borrow(targets[-1]) is last
    assert borrow(targets[0]) is not first


def key_of(build=tff.planar_flow, **arguments):
    """The key under which such a fit keeps its program."""
    keys = []

    def note_key(key, *_):
        keys.append(key)
        raise InterruptedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reverse_kl, "kept_program", note_key)
        with pytest.raises(InterruptedError):
            tff.vi.fit_reverse_kl(
                build(2, 2, seed=0),
                Target().log_prob_fn,
                **(SIZES | dict(seed=0) | arguments),
            )
    return keys[0]


def test_the_key_has_all_but_the_seed():
    first = key_of()
    assert first is not None
    assert key_of(seed=1) == first
    for arguments in (
        dict(num_steps=7),
        dict(sample_size=16),
        dict(clip_norm=2.0),
        dict(gradient_estimator="path"),
        dict(annealing_fn=None),
        dict(num_starts=4),
        dict(early_stopping=True),
        dict(jit_compile=True),
        dict(name="other"),
        dict(build=tff.radial_flow),
        dict(build=lambda d, k, seed: tff.planar_flow(d, k + 1, seed=seed)),
        dict(build=lambda d, k, seed: tff.planar_flow(d, k, seed=seed, affine=True)),
        dict(build=lambda d, k, seed: tff.planar_flow(d, k, seed=seed, batch_shape=[2])),
    ):
        assert key_of(**arguments) != first, arguments


@pytest.mark.parametrize(
    "arguments",
    [
        dict(annealing_fn=lambda step: 1.0),
        dict(optimizer=tff.vi.default_optimizer(6)),
        dict(build=lambda d, k, seed: tff.planar_flow(d, k, seed=seed).copy(name="copy")),
    ],
)
def test_what_the_caller_brings_is_not_kept(arguments):
    assert key_of(**arguments) is None


def fit(target, seed, **arguments):
    flow = tff.planar_flow(2, 2, seed=seed)
    result = tff.vi.fit_reverse_kl(flow, target, seed=seed, **(SIZES | arguments))
    return result.loss, *(v.numpy() for v in flow.trainable_variables)


def assert_same(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("num_starts", [1, 4])
def test_a_sweep_has_the_numbers_of_single_fits(kept, monkeypatch, num_starts):
    target = Target(mean=1.0).log_prob_fn
    alone = fit(target, 0, num_starts=num_starts)
    kept.clear()
    fit(target, 1, num_starts=num_starts)
    monkeypatch.setattr(reverse_kl, "build_run_steps", None)  # nothing is compiled
    assert_same(fit(target, 0, num_starts=num_starts), alone)
