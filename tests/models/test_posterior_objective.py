"""FlowModel compiled with a prior and a likelihood: batches of rows, no bias."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows as tff
from tfp_flows.layers import SharedPlanar
from tfp_flows.models import FlowModel

N = 300
RNG = np.random.default_rng(0)
X = RNG.normal(size=[N, 2])
Y = X @ [0.5, -0.3] + RNG.normal(size=N)
DICT = dict(x=X, y=Y)


def log_prior(z):
    return -0.5 * tf.reduce_sum(z**2, axis=-1)


def log_likelihood(z, rows):
    x, y = rows
    return -0.5 * (tf.matmul(z, x, transpose_b=True) - y) ** 2


def of_dict(z, rows):
    return log_likelihood(z, (rows["x"], rows["y"]))


def compiled(log_likelihood_fn=log_likelihood, rate=0.02, **kwargs):
    model = FlowModel(2, SharedPlanar(2, seed=0), seed=1)
    model.compile(
        keras.optimizers.Adam(rate),
        log_prior_fn=log_prior,
        log_likelihood_fn=log_likelihood_fn,
        jit_compile=False,
        **kwargs,
    )
    return model


def elbo(model, rows, num_samples=20_000):
    """Of all rows at once, by NumPy but for the flow."""
    flow = model.distribution()
    z, log_q = flow.experimental_sample_and_log_prob(num_samples, seed=(3, 4))
    log_p = log_prior(z) + tf.reduce_sum(log_likelihood(z, rows), axis=-1)
    return np.mean(log_p - log_q)


def as_float32(*arrays):
    return tuple(np.asarray(array, np.float32) for array in arrays)


@pytest.mark.parametrize(
    ("arguments", "likelihood"),
    [
        ((X, Y), log_likelihood),
        (((X, Y),), log_likelihood),
        ((DICT,), of_dict),
        ((tf.data.Dataset.from_tensor_slices((X, Y)).batch(70),), log_likelihood),
        ((tf.data.Dataset.from_tensor_slices(DICT).batch(70),), of_dict),
    ],
    ids=["x-y", "tuple", "dict", "dataset", "dataset-of-dicts"],
)
def test_evaluate_is_the_bound_of_all_rows(arguments, likelihood):
    model = compiled(likelihood, sample_size=20_000)
    loss, bound = model.evaluate(*arguments, batch_size=50, verbose=0)
    assert loss == pytest.approx(-bound, rel=1e-6)
    assert bound == pytest.approx(elbo(model, as_float32(X, Y)), rel=5e-3)


def test_the_bound_comes_close_to_the_evidence_of_a_conjugate_model():
    x, y = X[:20], Y[:20]
    precision, slope = np.eye(2) + x.T @ x, x.T @ y
    quadratic = slope @ np.linalg.solve(precision, slope) - y @ y
    evidence = 0.5 * quadratic + np.log(2.0 * np.pi)
    evidence -= 0.5 * np.linalg.slogdet(precision)[1]
    model = compiled(sample_size=64, rate=0.05)
    start = elbo(model, as_float32(x, y))
    model.fit(x, y, batch_size=5, epochs=60, verbose=0)
    bound = elbo(model, as_float32(x, y))
    assert start < evidence - 3.0
    assert evidence - 1.2 < bound < evidence + 0.02


@pytest.mark.parametrize("is_dataset", [False, True])
def test_evaluate_counts_a_smaller_last_batch_as_it_should(is_dataset):
    seven = as_float32(X[:7], Y[:7])
    rows = tf.data.Dataset.from_tensor_slices(seven).batch(2) if is_dataset else seven
    model = compiled(sample_size=20_000)
    bound = model.evaluate(rows, batch_size=3, verbose=0)[1]
    assert bound == pytest.approx(elbo(model, seven), rel=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("is_dataset", [False, True])
def test_a_pass_shows_all_rows_and_the_next_in_another_order(is_dataset):
    seen = []

    def likelihood(z, row):
        seen.append(row.numpy())
        return -((z[:, :1] - row) ** 2)

    rows = np.arange(7, dtype=np.float32)
    model = compiled(likelihood, run_eagerly=True, sample_size=2)
    orders = []
    for _ in range(2):
        x = tf.data.Dataset.from_tensor_slices(rows).batch(2) if is_dataset else rows
        model.fit(x, batch_size=3, epochs=1, verbose=0)
        # The checks before a fit look at rows, too.
        orders.append(np.concatenate(seen[-3:]).tolist())
        assert set(orders[-1]) == set(rows)
    assert (orders[0] == orders[1]) == is_dataset


@pytest.mark.slow
def test_a_program_of_one_fit_serves_another_number_of_rows():
    model = compiled(sample_size=20_000, rate=0.0)
    model.fit(X, Y, batch_size=50, epochs=1, verbose=0)
    half = as_float32(X[:150], Y[:150])
    history = model.fit(*half, batch_size=50, epochs=1, verbose=0).history
    assert history["elbo"][0] == pytest.approx(elbo(model, half), rel=5e-3)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights():
    weights = []
    for _ in range(2):
        model = compiled(run_eagerly=True)
        model.fit(X, Y, batch_size=150, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(x=None), "needs the rows of the likelihood"),
        (dict(x=X, y=Y[:4]), "same number of rows, but have 300, 4"),
        (dict(x=X, y=Y, batch_size=301), "`batch_size` is 301, but there are only 300"),
        (dict(x=X, y=Y, sample_weight=Y), "got sample_weight, for which a posterior"),
        (dict(x=X, y=Y, validation_data=(X, Y)), "got validation_data, for which"),
        (dict(x=np.where(X > 2.0, np.nan, X), y=Y), "NaN"),
        (dict(x=tf.data.Dataset.from_tensors((X, Y)).repeat()), "endless dataset"),
        (dict(x=tf.data.Dataset.from_tensors((X, Y)), y=Y), "labels beside a dataset"),
        (dict(x=X), "failed at its first evaluation"),
    ],
)
def test_bad_rows(arguments, message):
    with pytest.raises(ValueError, match=message):
        compiled().fit(verbose=0, **arguments)


def test_bad_functions():
    mean = compiled(lambda z, rows: tf.reduce_mean(log_likelihood(z, rows), axis=1))
    with pytest.raises(ValueError, match="is not the sum of that of its parts"):
        mean.fit(X, Y, verbose=0)
    scalar = compiled(lambda z, rows: tf.reduce_sum(log_likelihood(z, rows)))
    with pytest.raises(ValueError, match="must return the log likelihood of each row"):
        scalar.fit(X, Y, verbose=0)
    model = FlowModel(2, SharedPlanar(2))
    with pytest.raises(ValueError, match="but got log_prior_fn alone"):
        model.compile(log_prior_fn=log_prior)
    with pytest.raises(ValueError, match="`target_log_prob_fn` and log_prior_fn"):
        model.compile(target_log_prob_fn=log_prior, log_prior_fn=log_prior)
    with pytest.raises(TypeError, match="`log_likelihood_fn`"):
        model.compile(log_prior_fn=log_prior, log_likelihood_fn=3.0)


def test_the_diagnostics_judge_it_by_all_rows():
    model = compiled()
    posterior = tff.density.RowwisePosterior(log_prior, log_likelihood, (X, Y), 2)
    judged = tff.diagnostics.evaluate(
        model.distribution(), posterior, num_samples=4_000, seed=2
    )
    assert judged.elbo == pytest.approx(elbo(model, as_float32(X, Y)), rel=2e-2)
