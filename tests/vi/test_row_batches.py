"""Fits of posteriors by batches of their rows."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows as tff

D, N, B = 2, 240, 60
SD = 1.0 / np.sqrt(1.0 + N)


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).normal([1.0, -2.0], 1.0, [N, D])


def build(data):
    """The mean of normals, whose posterior is N(sum of rows / (N + 1), SD)."""
    return tff.density.RowwisePosterior(
        lambda z: -0.5 * tf.reduce_sum(z**2, axis=-1),
        lambda z, rows: -0.5 * tf.reduce_sum((z[:, tf.newaxis] - rows) ** 2, axis=-1),
        data,
        D,
    )


@pytest.fixture(scope="module")
def posterior(rows):
    return build(rows)


@pytest.fixture(scope="module")
def streamed(rows):
    return build(tf.data.Dataset.from_tensor_slices(rows).batch(70))


def fit(flow, posterior, **arguments):
    settings = dict(
        num_steps=3,
        sample_size=64,
        num_starts=1,
        batch_size=B,
        seed=1,
        jit_compile=False,
        progress_bar=False,
    )
    return tff.vi.fit_reverse_kl(flow, posterior, **(settings | arguments))


def test_the_mean_loss_of_an_epoch_is_that_of_all_rows(posterior, streamed, eagerly):
    """Nothing moves; without an anchor, each batch alone is far off."""
    losses = {}
    for target, size, num_steps in (
        (posterior, B, N // B),
        (streamed, B, N // B),
        (posterior, None, 1),
    ):
        flow = tff.planar_flow(D, 2, seed=0)
        objective = tff.vi.PathReverseKL(target, sample_size=2_000, batch_size=size)
        result = tff.vi.fit(
            flow,
            objective,
            num_steps=num_steps,
            optimizer=keras.optimizers.SGD(0.0),
            seed=1,
            progress_bar=False,
        )
        losses[target, size] = result.loss
    whole = losses.pop((posterior, None))
    for of_batches in losses.values():
        assert np.std(of_batches) > 10.0
        noise = 0.1 * abs(whole[0])
        np.testing.assert_allclose(of_batches.mean(), whole[0], atol=noise)


def test_a_fit_begins_at_a_gaussian_of_some_rows_and_ends_at_the_posterior(
    posterior, rows
):
    flow = tff.planar_flow(D, 2, affine=True, seed=0)
    result = fit(flow, posterior, num_steps=10)
    assert result.settings["batch_size"] == B
    assert result.settings["start"] == "gaussian"
    x = flow.sample(20_000, seed=2).numpy()
    errors = (x.mean(axis=0) - rows.sum(axis=0) / (N + 1)) / SD
    np.testing.assert_allclose(errors, 0.0, atol=0.1)
    np.testing.assert_allclose(x.std(axis=0) / SD, 1.0, atol=0.2)  # a few steps only


class Dies(tff.training.Event):
    def __init__(self, at=None):
        self._at = at

    def steps_left(self, step):
        return 1

    def update(self, run):
        if run.step == self._at:
            raise InterruptedError


@pytest.mark.slow
def test_a_killed_fit_goes_on_to_the_same_bits(posterior, tmp_path, eagerly):
    """Batches are a function of the step, also of one in the second epoch."""

    def fit_until(at, flow, **arguments):
        return tff.vi.fit(
            flow,
            tff.vi.ReverseKL(posterior, sample_size=8, batch_size=100),
            num_steps=5,
            events=[Dies(at)],
            optimizer=keras.optimizers.SGD(1e-4),
            seed=1,
            progress_bar=False,
            **arguments,
        )

    whole = fit_until(None, tff.planar_flow(D, 2, seed=0))
    folder = dict(checkpoint_dir=tmp_path, checkpoint_steps=2)
    with pytest.raises(InterruptedError):
        fit_until(4, tff.planar_flow(D, 2, seed=0), **folder)
    resumed = fit_until(None, tff.planar_flow(D, 2, seed=0), **folder)
    np.testing.assert_array_equal(resumed.loss, whole.loss)


def test_bad_batches_are_refused_before_training(posterior, streamed):
    flow = tff.planar_flow(D, 2, seed=0)
    for error, match, arguments in (
        (ValueError, "only has 240 rows", dict(batch_size=241)),
        (ValueError, "at least 1", dict(batch_size=0)),
    ):
        with pytest.raises(error, match=match):
            fit(flow, posterior, **arguments)
    with pytest.raises(TypeError, match="RowwisePosterior"):
        fit(flow, lambda x: -tf.reduce_sum(x**2, axis=-1))
    with pytest.raises(ValueError, match="`checkpoint_dir` is for arrays"):
        fit(flow, streamed, checkpoint_dir="never")
    with pytest.raises(TypeError, match="gaussian_start"):
        tff.vi.subsampled_start(lambda x: x)
    with pytest.raises(ValueError, match="only 240 rows"):
        tff.vi.subsampled_start(posterior, num_rows=300)
