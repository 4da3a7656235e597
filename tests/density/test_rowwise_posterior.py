"""Posteriors of many rows: of all in blocks, and as some of them say."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from oracles import logistic_log_posterior

import tfp_flows as tff
from tfp_flows.density import Rows, RowwisePosterior, rowwise_posterior

D, N = 3, 60


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return dict(x=rng.standard_normal([N, D]), y=rng.integers(0, 2, N))


def log_prior(z):
    return -0.5 * tf.reduce_sum(z**2, axis=-1)


def log_likelihood(z, rows):
    logits = tf.matmul(z, rows["x"], transpose_b=True)
    return tf.cast(rows["y"], z.dtype) * logits - tf.nn.softplus(logits)


def build(data, likelihood=log_likelihood, **arguments):
    return RowwisePosterior(log_prior, likelihood, data, D, **arguments)


def summed(z, rows):
    return tf.reduce_sum(log_likelihood(z, rows), axis=1)


@pytest.mark.parametrize("likelihood", [log_likelihood, summed])
@pytest.mark.parametrize("most", [1_000, 28, 4])
def test_all_rows_in_blocks_of_any_size(data, likelihood, most, monkeypatch):
    """Of four points: blocks of all rows, of 7 with 4 left, and of one."""
    monkeypatch.setattr(rowwise_posterior, "_BLOCK_NUMBERS", most)
    posterior = build(data, likelihood, dtype=tf.float64)
    z = tf.constant(np.linspace(-2.0, 2.0, 4 * D).reshape(2, 2, D))
    value, slope = tf.function(lambda z: tfp.math.value_and_gradient(posterior, z))(z)
    expected = logistic_log_posterior(z.numpy(), data["x"], data["y"])
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    h = 1e-5
    for axis in range(D):
        e = h * np.eye(D)[axis]
        rise = logistic_log_posterior(z + e, **data) - logistic_log_posterior(
            z - e, **data
        )
        np.testing.assert_allclose(slope[..., axis], rise / (2 * h), rtol=1e-7)


@pytest.mark.parametrize("most", [1, 3, 59, 1_000])
def test_no_block_has_more_rows_than_may_be(most):
    sizes = []

    def summed_up(part):
        sizes.append(len(part))
        return tf.reduce_sum(part)

    total = Rows(np.arange(59.0), tf.float64).total(summed_up, [], most)
    assert total == 59 * 29
    assert sum(sizes) == 59
    assert max(sizes) == min(most, 59)


def test_models_may_read_variables(data):
    factor = tf.Variable(0.5, dtype=tf.float64)
    reads, knows = (
        build(data, lambda z, rows, f=f: f * log_likelihood(z, rows), dtype=tf.float64)
        for f in (factor, 0.5)
    )
    z = tf.constant(np.linspace(-1.0, 1.0, 2 * D).reshape(2, D))
    expected = tfp.math.value_and_gradient(knows, z)
    for function in (
        tfp.math.value_and_gradient,
        tf.function(tfp.math.value_and_gradient),
    ):
        for found, known in zip(function(reads, z), expected, strict=True):
            np.testing.assert_allclose(found, known, rtol=1e-12)


def test_sums_are_as_precise_as_the_points(data):
    z = np.linspace(-2.0, 2.0, 4 * D).reshape(4, D)
    tiles = {
        name: np.tile(part, [1_000, *[1] * (part.ndim - 1)])
        for name, part in data.items()
    }
    value = build(tiles)(tf.constant(z))
    assert value.dtype == tf.float64
    expected = logistic_log_posterior(z.astype(np.float32), **tiles)
    np.testing.assert_allclose(value, expected, rtol=1e-7)


@pytest.mark.parametrize("anchor", [None, [0.3, -0.2, 0.1]])
def test_estimates_have_no_bias_and_are_exact_at_an_anchor(data, anchor):
    """The mean over all batches of an epoch is the posterior of all rows."""
    posterior = build(data, dtype=tf.float64)
    z = tf.constant(np.linspace(-1.0, 1.0, 2 * D).reshape(2, D))
    batched = posterior if anchor is None else posterior.anchored(anchor)
    order = np.random.default_rng(1).permutation(N).reshape(6, 10)
    estimates = [batched.estimate(z, batched.rows.take(batch)) for batch in order]
    np.testing.assert_allclose(np.mean(estimates, axis=0), posterior(z), rtol=1e-12)
    if anchor is not None:
        at_anchor = tf.constant([anchor], tf.float64)
        density = batched.density_of(batched.rows.take(order[0]))
        for found, expected in zip(
            density.value_and_gradient(at_anchor),
            tfp.math.value_and_gradient(posterior, at_anchor),
            strict=True,
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-12)


def mean(z, rows):
    return tf.reduce_mean(log_likelihood(z, rows), axis=1)


def twice(z, rows):
    return log_likelihood(z, rows) + summed(z, rows)[:, tf.newaxis]


def test_bad_models_and_data_are_refused_at_once(data):
    x, y = data["x"], data["y"]
    holed = x.copy()
    holed[7, 1] = np.nan
    for error, match, arguments in (
        (ValueError, "not the sum", dict(data=data, likelihood=mean)),
        (ValueError, "not the sum", dict(data=data, likelihood=twice)),
        (
            ValueError,
            r"returned shape \(\)",
            dict(data=data, likelihood=lambda *_: tf.constant(0.0)),
        ),
        (ValueError, "60, 59", dict(data=dict(x=x, y=y[1:]))),
        (ValueError, "index 7", dict(data=dict(x=holed, y=y))),
        (ValueError, "no rows", dict(data=dict(x=x[:0], y=y[:0]))),
        (TypeError, "array of numbers", dict(data=dict(x=x, y=y.astype(str)))),
        (TypeError, "must be a function", dict(data=data, likelihood=None)),
        (
            TypeError,
            "float64",
            dict(
                data=data,
                likelihood=lambda z, r: tf.cast(log_likelihood(z, r), tf.float64),
            ),
        ),
        (TypeError, "first evaluation", dict(data=(x, y))),
    ):
        with pytest.raises(error, match=match):
            build(**arguments)
    with pytest.raises(ValueError, match="log_prior_fn"):
        RowwisePosterior(lambda z: z, log_likelihood, data, D)


def test_it_is_judged_with_all_rows(data):
    """As the same density written as one function."""
    posterior = build(data)
    flow = tff.vi.gaussian_start(posterior, seed=0).distribution()
    judged = [
        tff.diagnostics.evaluate(flow, target, num_samples=1_000, seed=1)
        for target in (
            posterior,
            lambda z: (
                log_prior(z)
                + summed(z, {k: tf.constant(v, tf.float32) for k, v in data.items()})
            ),
        )
    ]
    assert judged[0].elbo == pytest.approx(judged[1].elbo, abs=1e-4)
    assert judged[0].khat == pytest.approx(judged[1].khat, abs=1e-2)


def test_the_order_of_rows_is_that_of_the_seed_however_far_others_have_read():
    batches = Rows(np.arange(5.0), tf.float64).dataset(2, seed=2**32 - 1)
    first, second = (
        np.concatenate([rows.numpy() for rows in batches.take(5)]).reshape([2, 5])
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(np.sort(first, axis=1), [np.arange(5.0)] * 2)
    assert np.any(first[0] != first[1])
