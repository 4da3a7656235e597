"""Programs are kept for the same target and settings, and for nothing else."""

import contextlib

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from tfp_flows.vi import program

SIZES = dict(num_steps=6, sample_size=8, jit_compile=False, progress_bar=False)


class Target:
    """A normal whose mean can be assigned to."""

    def __init__(self, mean=0.0):
        self.mean = mean

    def log_prob_fn(self, x):
        return -0.5 * tf.reduce_sum((x - self.mean) ** 2, axis=-1)


TARGET = Target()


def build_without_rebuild(d, k, seed):
    flow = tff.planar_flow(d, k, seed=seed)
    return tfp.distributions.TransformedDistribution(flow.distribution, flow.bijector)


@pytest.fixture(autouse=True)
def kept(monkeypatch):
    """The programs that are kept: none at first."""
    kept = type(program._kept)()
    monkeypatch.setattr(program, "_kept", kept)
    return kept


def borrow(values=0.0, key="key"):
    """What stands for the program of such a fit, to a target of such values."""
    with program.kept_program(key, np.array([values]), object) as found:
        return found


def test_the_same_key_and_target_get_the_same_program():
    first = borrow()
    assert borrow() is first
    assert borrow(key="other") is not first
    assert borrow() is first


def test_a_target_that_has_changed_gets_another_program():
    first, second = borrow(0.0), borrow(1.0)
    assert second is not first
    assert borrow(1.0) is second


def test_a_program_in_use_is_nobody_elses():
    with program.kept_program("key", np.zeros(1), object) as first:
        assert borrow() is not first


def test_a_failed_fit_leaves_its_program():
    with (
        contextlib.suppress(ArithmeticError),
        program.kept_program("key", np.zeros(1), object) as first,
    ):
        raise ArithmeticError
    assert borrow() is first


def test_the_last_four_are_kept(kept):
    first, *_, last = [borrow(key=key) for key in range(6)]
    assert len(kept) == 4
    assert borrow(key=5) is last
    assert borrow(key=0) is not first


class NotedError(Exception):
    """Raised in place of building a program."""


def key_of(build=tff.planar_flow, target=None, **arguments):
    """The key under which such a fit keeps its program; `None` where it keeps none."""
    keys = [None]

    def note_key(key, *_):
        keys.append(key)
        raise NotedError

    def build_none(*_, **__):
        raise NotedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "kept_program", note_key)
        patch.setattr(program, "_build", build_none)
        with pytest.raises(NotedError):
            tff.vi.fit_reverse_kl(
                build(2, 2, seed=0),
                target or TARGET.log_prob_fn,
                **(SIZES | dict(seed=0) | arguments),
            )
    return keys[-1]


def test_the_key_has_all_but_the_seed():
    first = key_of()
    assert first is not None
    assert key_of(seed=1) == first
    for arguments in (
        dict(target=Target().log_prob_fn),
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
        dict(build=build_without_rebuild),
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


@pytest.mark.slow
@pytest.mark.parametrize("num_starts", [1, 4])
def test_a_sweep_has_the_numbers_of_single_fits(kept, monkeypatch, num_starts):
    target = Target(mean=1.0).log_prob_fn
    alone = fit(target, 0, num_starts=num_starts)
    kept.clear()
    fit(target, 1, num_starts=num_starts)
    monkeypatch.setattr(program, "_build", None)  # nothing is compiled
    assert_same(fit(target, 0, num_starts=num_starts), alone)


def test_an_objective_of_the_callers_has_a_program_of_its_own(eagerly):
    class Scaled(tff.vi.ReverseKL):
        """Another loss for each instance."""

        def __init__(self, factor):
            super().__init__(TARGET.log_prob_fn, sample_size=8)
            self._factor = factor

        def __call__(self, step):
            objective, loss, beta = super().__call__(step)
            return objective, self._factor * loss, beta

    losses = [
        tff.vi.fit(
            tff.planar_flow(2, 2, seed=0),
            Scaled(factor),
            num_steps=1,
            seed=1,
            progress_bar=False,
            jit_compile=False,
        ).loss
        for factor in (1.0, 5.0)
    ]
    np.testing.assert_allclose(losses[1][0], 5.0 * losses[0][0], rtol=1e-5)


def test_a_target_that_has_changed_far_away_is_compiled_anew(kept):
    target = Target()
    fit(target.log_prob_fn, 0, num_starts=1)
    (first,) = kept.values()
    near = target.log_prob_fn
    target.log_prob_fn = lambda x: tf.where(x[..., 0] > 20.0, 0.0, near(x))
    program_of_first = first[0].objective
    assert not np.array_equal(
        tff.vi.ReverseKL(target.log_prob_fn, sample_size=8)
        .of(tff.planar_flow(2, 2, seed=0), None)
        .fingerprint(),
        program_of_first.fingerprint(),
    )
