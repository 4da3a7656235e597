"""A Gaussian start: exact where it can be, robust where targets are odd, plain errors."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from tfp_flows.vi.gaussian import Gaussian
from tfp_flows.vi.gaussian_judgement import judge

tfd = tfp.distributions

MEAN = np.array([3.0, -40.0])
COVARIANCE = np.array([[4.0, 15.0], [15.0, 100.0]])


def correlated(x):
    precision = tf.constant(np.linalg.inv(COVARIANCE), x.dtype)
    centered = x - tf.constant(MEAN, x.dtype)
    return -0.5 * tf.reduce_sum(tf.linalg.matvec(precision, centered) * centered, -1)


def start(target, event_size=2, **arguments):
    return tff.vi.gaussian_start(target, event_size, **(dict(seed=0) | arguments))


@functools.cache
def start_of(target):
    return start(target)


def sd(found):
    return np.sqrt(np.sum(found.scale_tril**2, axis=1))


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-4), ("float64", 1e-8)])
def test_finds_a_gaussian(dtype, rtol):
    found = start(correlated, dtype=dtype)
    assert found.converged
    assert found.location.dtype == found.scale_tril.dtype == dtype
    np.testing.assert_allclose(found.location, MEAN, rtol=0.02)
    covariance = found.scale_tril @ found.scale_tril.T
    np.testing.assert_allclose(covariance, COVARIANCE, rtol=0.02)
    log_z = 0.5 * np.log(np.linalg.det(2.0 * np.pi * COVARIANCE))
    assert found.elbo == pytest.approx(log_z, abs=2e-3)
    assert found.elbo <= log_z + 5.0 * found.elbo_standard_error + rtol


def test_finds_the_best_gaussian_for_another_target():
    # For log p = a x - exp(x), E exp(x) = a and precision E exp(x): by Stein's lemma.
    a = 3.0
    found = start(lambda x: tf.reduce_sum(a * x - tf.exp(x), axis=-1))
    assert found.converged
    np.testing.assert_allclose(sd(found), a**-0.5, rtol=0.05)
    np.testing.assert_allclose(found.location, np.log(a) - 0.5 / a, atol=0.05)


@pytest.mark.parametrize("scales", [[1e-3, 1e4], [1e4, 1e-3]])
def test_does_not_depend_on_units(scales):
    def rescaled(x):
        return correlated(x / tf.constant(scales, x.dtype))

    found = start(rescaled)
    assert found.converged
    np.testing.assert_allclose(found.location, MEAN * scales, rtol=0.02)
    np.testing.assert_allclose(sd(found), np.diag(COVARIANCE) ** 0.5 * scales, rtol=0.02)


def test_the_same_seed_gives_the_same_gaussian():
    def target(x):
        return tf.reduce_sum(3.0 * x - tf.exp(x), axis=-1)

    first, second, other = (start(target, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.scale_tril, second.scale_tril)
    assert (first.elbo, first.khat) == (second.elbo, second.khat)
    assert np.all(first.location != other.location)


def far_support(x):
    """log(x - 3), NaN where nearly all of N(0, 1) is."""
    walls = 8.0 * tf.math.log(x[..., 0] - 3.0) - x[..., 0]
    return walls - 0.5 * x[..., 1] ** 2


def half_line(x):
    """Exponential, and -inf at most of its best Gaussian's left tail."""
    inside = -x[..., 0] - 0.5 * x[..., 1] ** 2
    return tf.where(x[..., 0] > 0.0, inside, -np.inf)


def two_modes(x):
    distance = tf.stack([x[..., 0] - 5.0, x[..., 0] + 5.0])
    return tf.reduce_logsumexp(-0.5 * distance**2, axis=0) - 0.5 * x[..., 1] ** 2


def walls(x):
    return 8.0 * x[..., 0] - tf.exp(x[..., 0]) - x[..., 1] ** 8


@pytest.mark.parametrize("target", [far_support, half_line, two_modes, walls])
def test_odd_targets_get_a_gaussian_with_most_points_inside(target):
    found = start_of(target)
    assert found.converged
    assert np.isfinite([found.elbo, found.khat]).all()
    assert found.support_mass > 0.9
    x = found.distribution().sample(1_000, seed=3)
    assert np.mean(np.isfinite(target(x))) > 0.9


def one_of_two_modes(x):
    """A narrow mode where the search begins, and 40 % of the mass beside it."""
    at = tf.stack([x, x - 1.5])
    parts = -0.5 * tf.reduce_sum((at / 0.3) ** 2, axis=-1)
    return tf.reduce_logsumexp(parts + np.log([[0.6], [0.4]]).astype(np.float32), axis=0)


def test_is_near_where_there_is_little_left():
    found = start_of(correlated)
    log_z = 0.5 * np.log(np.linalg.det(2.0 * np.pi * COVARIANCE))
    assert found.log_evidence == pytest.approx(log_z, abs=0.05)
    assert found.outside_mass < 0.01
    assert found.is_near
    # One mode of two, both with the space between them, and a hard edge.
    one = start(one_of_two_modes, num_iterations=20)
    assert one.outside_mass == pytest.approx(0.4, abs=0.1)
    assert one.log_evidence - one.elbo == pytest.approx(-np.log(0.6), abs=0.1)
    assert not any(
        each.is_near for each in (one, start_of(two_modes), start_of(half_line))
    )


@pytest.mark.parametrize(
    "deviation",
    [
        lambda x: -0.1 * x**4,
        lambda x: 0.3 * np.sin(2.0 * x) + 0.05 * np.cos(x),
        lambda x: np.where(x < 1.0, 0.2 * x**2, -np.inf),
    ],
    ids=["even", "odd", "outside"],
)
def test_standard_errors_match_the_spread_of_repeats(deviation):
    """Of points in pairs z, -z, and of the share of them in the support."""
    gaussian = Gaussian(tf.zeros([1], tf.float64), tf.eye(1, dtype=tf.float64))

    def log_prob_fn(x):
        x = x.numpy()[:, 0]
        return -0.5 * x**2 + deviation(x)

    stateless = tff.numerics.stateless_seed
    found = [judge(gaussian, log_prob_fn, 4_096, stateless(seed)) for seed in range(100)]
    gaps = [each["log_evidence"] - each["elbo"] for each in found]
    for name, values in (("elbo", [each["elbo"] for each in found]), ("gap", gaps)):
        stated = np.mean([each[f"{name}_standard_error"] for each in found])
        assert 0.78 < np.std(values, ddof=1) / stated < 1.28


def test_what_it_says_of_itself():
    found = start(correlated, num_iterations=3)
    assert not found.converged
    assert found.num_iterations <= 4
    assert "NOT at rest" in str(found)
    z = np.random.default_rng(0).normal(size=[3, 2]).astype(np.float32)
    x = found.bijector().forward(z)
    np.testing.assert_allclose(x, z @ found.scale_tril.T + found.location, rtol=1e-5)
    np.testing.assert_allclose(
        found.distribution().mean(), found.location.astype(np.float32)
    )


def test_takes_size_and_dtype_from_a_distribution():
    target = tfd.MultivariateNormalDiag(np.array([1.0, 2.0, 3.0]), [1.0, 1.0, 0.5])
    found = tff.vi.gaussian_start(target, seed=0)
    assert found.location.dtype == np.float64
    np.testing.assert_allclose(found.location, [1.0, 2.0, 3.0], atol=0.05)
    assert found.elbo == pytest.approx(0.0, abs=2e-3)


def of_neighbours(x):
    return correlated(x) - tf.reduce_mean(x)


@tf.custom_gradient
def of_wrong_sign(x):
    """Leads to where slopes are lost in rounding."""
    return -0.5 * tf.reduce_sum(x**2, axis=-1), lambda upstream: upstream[:, None] * x


@pytest.mark.parametrize(
    ("target", "arguments", "message"),
    [
        (correlated, dict(event_size=None), "`event_size` must be given"),
        (correlated, dict(event_size=1_001), "event_size <= 1000"),
        (correlated, dict(event_size=3), "failed at its first evaluation"),
        (tfd.Sample(tfd.Normal(0.0, 1.0), 3), {}, "vectors of size 3, but got"),
        (correlated, dict(scale=0.0), "`scale` must be"),
        (correlated, dict(location=[0.0]), "`location` must be 2 finite numbers"),
        (correlated, dict(sample_size=7), "`sample_size` must be"),
        (lambda x: x, {}, "must return one number per point"),
        (lambda x: correlated(tf.stop_gradient(x)), {}, "No gradient flows"),
        (lambda x: correlated(x) + tf.math.log(-(x[..., 0] ** 2)), {}, "at all points"),
        (lambda x: -(x[..., 0] ** 2), {}, "does not fall off: .* improper"),
        (lambda x: -correlated(x), {}, "off, but grows: .* sign right"),
        (lambda x: tf.reduce_sum(tf.exp(x), axis=-1), {}, "off, but grows"),
        (of_wrong_sign, {}, "not its slope"),
        (of_neighbours, {}, "other values alone"),
        (lambda x: correlated(x.numpy()), {}, "cannot be compiled"),
    ],
)
def test_errors(target, arguments, message):
    with pytest.raises(ValueError, match=message):
        start(target, **arguments)


@pytest.mark.parametrize(
    ("target", "arguments", "message"),
    [
        (lambda x: tf.cast(correlated(x), tf.float64), {}, "returned float64 for points"),
        (correlated, dict(dtype=tf.int32), "`dtype` must be floating-point"),
        (3.0, {}, "must be a function"),
    ],
)
def test_errors_of_type(target, arguments, message):
    with pytest.raises(TypeError, match=message):
        start(target, **arguments)
