"""Rows of datasets: as those of arrays, and what no dataset may be."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from oracles import logistic_log_posterior

from tfp_flows.density import RowStream, RowwisePosterior, rowwise_posterior

D, N = 3, 20
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal([N, D]), RNG.integers(0, 2, N)
SLICES = tf.data.Dataset.from_tensor_slices(dict(x=X, y=Y))
SIGNATURE = dict(x=tf.TensorSpec([None, D]), y=tf.TensorSpec([None], tf.int64))


def log_prior(z):
    return -0.5 * tf.reduce_sum(z**2, axis=-1)


def log_likelihood(z, rows):
    logits = tf.matmul(z, rows["x"], transpose_b=True)
    return tf.cast(rows["y"], z.dtype) * logits - tf.nn.softplus(logits)


def build(dataset, dtype=tf.float32):
    return RowwisePosterior(log_prior, log_likelihood, dataset, D, dtype=dtype)


@pytest.mark.parametrize("most", [2**21, 12])
def test_all_rows_in_pieces_no_larger_than_may_be(most, monkeypatch):
    """Batches of 8, 8 and 4 as they are, and cut into pieces of 3."""
    monkeypatch.setattr(rowwise_posterior, "_BLOCK_NUMBERS", most)
    posterior = build(SLICES.batch(8), tf.float64)
    z = tf.constant(np.linspace(-2.0, 2.0, 4 * D).reshape(4, D))
    value, slope = tf.function(lambda z: tfp.math.value_and_gradient(posterior, z))(z)
    np.testing.assert_allclose(value, logistic_log_posterior(z.numpy(), X, Y), rtol=1e-12)
    of_arrays = build(dict(x=X, y=Y), tf.float64)
    expected = tfp.math.value_and_gradient(of_arrays, z)[1]
    np.testing.assert_allclose(slope, expected, rtol=1e-12)


@pytest.mark.parametrize("batch_size", [3, 8, 15])
def test_batches_of_any_size_see_all_rows_equally_often(batch_size):
    stream = RowStream(SLICES.batch(8), tf.float64)
    batches = stream.batches(batch_size)
    seen = [next(batches) for _ in range(4 * N // batch_size)]
    assert {len(rows["y"]) for rows in seen} == {batch_size}
    x = np.concatenate([rows["x"] for rows in seen])
    np.testing.assert_array_equal(x, np.tile(X, [4, 1])[: len(x)])


def test_some_rows_are_taken_by_their_number():
    rows = RowStream(SLICES.batch(8), tf.float64).take(np.array([0, 7, 8, 17]))
    np.testing.assert_array_equal(rows["x"], X[[0, 7, 8, 17]])
    np.testing.assert_array_equal(rows["y"], Y[[0, 7, 8, 17]])


def holed():
    x = X.copy()
    x[13, 1] = np.nan
    return tf.data.Dataset.from_tensor_slices(dict(x=x, y=Y)).batch(8)


def made(*lengths):
    return tf.data.Dataset.from_generator(
        lambda: iter([dict(x=X[:n], y=Y[:m]) for n, m in lengths]),
        output_signature=SIGNATURE,
    )


@pytest.mark.parametrize(
    ("error", "match", "dataset"),
    [
        (ValueError, "endless", SLICES.batch(8).repeat()),
        (ValueError, "without rows", SLICES.batch(8).take(0)),
        (ValueError, r"single rows; batch it with \.batch", SLICES),
        (ValueError, r"batch 1\)` is NaN .* index 5", holed()),
        (ValueError, "those of batch 1 have 3, 2", made((4, 4), (3, 2))),
        (TypeError, "dense tensors of numbers", SLICES.batch(8).map(lambda d: str(d))),
        (
            ValueError,
            "known shapes",
            tf.data.Dataset.from_generator(
                lambda: [X], output_signature=tf.TensorSpec(None)
            ),
        ),
    ],
)
def test_bad_datasets_are_refused_at_once(error, match, dataset):
    with pytest.raises(error, match=match):
        build(dataset)


def test_a_pass_that_ends_early_is_an_error_of_whatever_sees_it():
    lengths = [4, 4, 4]

    def passes():
        yield from (dict(x=X[:n], y=Y[:n]) for n in lengths)

    dataset = tf.data.Dataset.from_generator(passes, output_signature=SIGNATURE)
    posterior = build(dataset)
    batches = posterior.rows.batches(6)
    lengths.pop()
    z = tf.zeros([1, D])
    for call in (lambda: posterior(z), lambda: [next(batches) for _ in range(3)]):
        with pytest.raises(ValueError, match="had 12 at first, and 8 now"):
            call()
    with pytest.raises(tf.errors.InvalidArgumentError, match="have not the same number"):
        tf.function(posterior)(z)
