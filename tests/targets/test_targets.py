"""The seven targets against formulas, quadrature and their own samples."""

import math

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfp_flows import targets

# From the design; to 1e-6.
LOG_Z = {
    "example1": 2.313289,
    "example2": 2.082089,
    "example3": 1.961307,
    "u1": 1.877502,
    "u2": 2.082089,
    "u3": 2.641705,
    "u4": 2.710698,
}
BOUNDED = ("example2", "u2", "u3", "u4")


def ring(z, radius, width, stripe, stripe_width):
    across = ((np.hypot(z[..., 0], z[..., 1]) - radius) / width) ** 2 / 2
    bright = np.exp(-(((z[..., 0] - stripe) / stripe_width) ** 2) / 2) + np.exp(
        -(((z[..., 0] + stripe) / stripe_width) ** 2) / 2
    )
    return across - np.log(bright)


def w1(z):
    return np.sin(2 * np.pi * z[..., 0] / 4)


def w2(z):
    return 3 * np.exp(-(((z[..., 0] - 1) / 0.6) ** 2) / 2)


def w3(z):
    return 3 / (1 + np.exp(-(z[..., 0] - 1) / 0.3))


def two_bands(z, second, width1, width2):
    first = np.exp(-(((z[..., 1] - w1(z)) / width1) ** 2) / 2)
    return -np.log(first + np.exp(-(((z[..., 1] - second) / width2) ** 2) / 2))


def cross(z):
    total = 0.0
    for (m1, m2), (v1, v2) in (
        ((0, 3), (0.2, 0.4)),
        ((0, -3), (0.2, 0.4)),
        ((-3, 0), (0.4, 0.2)),
        ((3, 0), (0.4, 0.2)),
    ):
        z1, z2 = z[..., 0] - m1, z[..., 1] - m2
        total = total + np.exp(-(z1**2 / v1 + z2**2 / v2) / 2)
    return -np.log(total)


ENERGIES = {
    "example1": lambda z: ring(z, 4, 0.4, 2, 0.8),
    "example2": lambda z: ((z[..., 1] - w1(z)) / 0.4) ** 2 / 2,
    "example3": cross,
    "u1": lambda z: ring(z, 2, 0.4, 2, 0.6),
    "u2": lambda z: ((z[..., 1] - w1(z)) / 0.4) ** 2 / 2,
    "u3": lambda z: two_bands(z, w1(z) - w2(z), 0.35, 0.35),
    "u4": lambda z: two_bands(z, w1(z) - w3(z), 0.4, 0.35),
}


def cell_grid(target, cells):
    """Midpoints of a fine grid over the support, [M, M, 2], and the area of a cell."""
    half = target.half_width or 8.0
    z1 = half * (2 * (np.arange(cells) + 0.5) / cells - 1)
    z2 = 8.0 * (2 * (np.arange(cells) + 0.5) / cells - 1)
    grid = np.stack(np.meshgrid(z1, z2, indexing="ij"), axis=-1)
    return grid, 2 * half / cells * 16.0 / cells


@pytest.fixture(params=targets.names())
def target(request):
    return targets.get(request.param, tf.float64)


def test_is_a_distribution(target):
    assert target.event_shape == [2]
    assert target.batch_shape == []
    assert target.sample(seed=(0, 1)).shape == [2]
    assert target.sample([3, 4], seed=(0, 1)).shape == [3, 4, 2]
    assert target.log_prob(np.zeros([3, 4, 2])).shape == [3, 4]


def test_energy_is_the_published_one(target):
    rng = np.random.default_rng(0)
    z = rng.uniform(-3.99, 3.99, size=[500, 2])
    found = target.unnormalized_log_prob(z).numpy()
    np.testing.assert_allclose(found, -ENERGIES[target.name](z), rtol=1e-12, atol=1e-12)


def test_log_normalizer(target):
    log_z = target.log_normalizer().numpy()
    assert log_z.shape == ()
    assert abs(log_z - LOG_Z[target.name]) < 1e-6
    # Independently: midpoints over the support, spectral for what vanishes at the edges.
    grid, area = cell_grid(target, 1600)
    by_sum = np.log(np.sum(np.exp(-ENERGIES[target.name](grid))) * area)
    assert abs(log_z - by_sum) < 1e-6


def test_log_prob_is_normalized_and_exact(target):
    grid, area = cell_grid(target, 800)
    log_prob = target.log_prob(grid).numpy()
    assert abs(np.sum(np.exp(log_prob)) * area - 1.0) < 1e-6
    difference = target.unnormalized_log_prob(grid) - log_prob
    np.testing.assert_allclose(difference, target.log_normalizer(), rtol=1e-9)


def test_float32_agrees_with_float64(target):
    single = targets.get(target.name)
    z = np.random.default_rng(1).normal(size=[200, 2]) * 2
    np.testing.assert_allclose(
        single.unnormalized_log_prob(z.astype(np.float32)),
        target.unnormalized_log_prob(z),
        rtol=2e-5,
        atol=2e-4,
    )


@pytest.mark.parametrize("name", BOUNDED)
def test_edge_is_exact_for_judging_and_soft_for_fitting(name):
    target = targets.get(name, tf.float64)
    outside = tf.constant([[4.001, 0.3], [-4.5, -1.0], [30.0, 0.0]], tf.float64)
    assert np.all(np.isneginf(target.log_prob(outside)))
    with tf.GradientTape() as tape:
        tape.watch(outside)
        soft = target.unnormalized_log_prob(outside)
    gradient = tape.gradient(soft, outside).numpy()
    assert np.all(np.isfinite(soft))
    # The slope leads back to the support, everywhere, and does not explode.
    assert np.all(gradient[:, 0] * np.sign(outside[:, 0]) < -100.0)
    assert np.all(np.abs(gradient[:, 0]) < 1e3)
    # Continuous and differentiable at the edge itself.
    near = tf.constant([[4.0 - 1e-9, 0.3], [4.0 + 1e-9, 0.3]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(near)
        values = target.unnormalized_log_prob(near)
    assert abs(values[0] - values[1]) < 1e-6
    slopes = tape.gradient(values, near).numpy()[:, 0]
    assert abs(slopes[0] - slopes[1]) < 1e-2
    # The edge adds less than 0.1 % to the normalizer.
    z1 = np.linspace(4.0, 4.2, 2_001)
    z2 = np.linspace(-8.0, 8.0, 201)
    grid = np.stack(np.meshgrid(z1, z2, indexing="ij"), axis=-1)
    density = np.exp(target.unnormalized_log_prob(grid) - target.log_normalizer())
    extra = 2 * np.sum(density) * (z1[1] - z1[0]) * (z2[1] - z2[0])
    assert 0.0 < extra < 1e-3


def test_gradients_are_finite_far_away_and_at_the_origin(target):
    z = tf.constant([[0.0, 0.0], [100.0, -100.0], [-4.0, 4.0]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = target.unnormalized_log_prob(z)
    assert np.all(np.isfinite(value))
    assert np.all(np.isfinite(tape.gradient(value, z)))


def test_samples_follow_the_density(target):
    num_samples, cells, fine = 50_000, 24, 20
    samples = target.sample(num_samples, seed=(3, 4)).numpy()
    assert np.all(np.isfinite(target.log_prob(samples)))
    # Expected counts: the density integrated over each cell by midpoints.
    grid, area = cell_grid(target, cells * fine)
    density = np.exp(target.log_prob(grid).numpy()) * area
    mass = density.reshape([cells, fine, cells, fine]).sum(axis=(1, 3))
    half = target.half_width or 8.0
    edges = [np.linspace(-half, half, cells + 1), np.linspace(-8, 8, cells + 1)]
    counts, _, _ = np.histogram2d(*samples.T, bins=edges)
    expected = mass * num_samples
    is_large = expected >= 10
    observed = np.append(counts[is_large], num_samples - counts[is_large].sum())
    expected = np.append(expected[is_large], num_samples - expected[is_large].sum())
    chi_square = np.sum((observed - expected) ** 2 / np.maximum(expected, 1.0))
    p_value = scipy.stats.chi2.sf(chi_square, len(observed) - 1)
    assert p_value > 1e-3


def test_sampling_is_stateless(target):
    first = target.sample(100, seed=(1, 2))
    np.testing.assert_array_equal(first, target.sample(100, seed=(1, 2)))
    assert not np.array_equal(first, target.sample(100, seed=(1, 3)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["example1", "example2", "example3", "u3"])
def test_sampling_compiles(name):
    target = targets.get(name, tf.float64)
    compiled = tf.function(lambda: target.sample(100, seed=(1, 2)), jit_compile=True)
    assert np.all(np.isfinite(target.log_prob(compiled())))


def test_modes(target):
    samples = target.sample(30_000, seed=(5, 6))
    responsibilities = target.mode_responsibilities(samples).numpy()
    np.testing.assert_allclose(responsibilities.sum(axis=-1), 1.0, atol=1e-9)
    probabilities = target.mode_probabilities().numpy()
    assert abs(probabilities.sum() - 1.0) < 1e-12
    np.testing.assert_allclose(responsibilities.mean(axis=0), probabilities, atol=0.01)


def test_modes_of_example1_are_its_quadrants():
    target = targets.get("example1")
    points = tf.constant([[2.0, 3.0], [-2.0, 3.0], [-2.0, -3.0], [2.0, -3.0]])
    np.testing.assert_array_equal(target.mode_responsibilities(points), np.eye(4))


def test_plot_limits_hold_the_mass(target):
    low, high = target.plot_limits
    samples = target.sample(10_000, seed=(7, 8)).numpy()
    # The frame of the paper cuts the lower band of u4 at 2.5 standard deviations.
    assert np.mean((samples > low) & (samples < high)) > 0.98


def test_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match=r"'u5'.*example1.*u4"):
        targets.get("u5")


def test_more_samples_than_tensorflow_counts(target):
    assert target.sample([2, tf.constant(3)], seed=0).shape == (2, 3, 2)
    for shape in (10**12, (2, 2**32 + 5), 10**20):
        with pytest.raises(ValueError, match="`sample_shape` must be at most 2147483647"):
            target.sample(shape, seed=0)


def test_wrong_event_size(target):
    for method in (target.log_prob, target.unnormalized_log_prob):
        with pytest.raises(ValueError, match=r"\(5, 3\).*event_size=2"):
            method(np.zeros([5, 3]))


def test_closed_forms():
    target = targets.get("u4", tf.float64)
    exact = math.log(8.0 * math.sqrt(2.0 * math.pi) * (0.4 + 0.35))
    assert abs(target.log_normalizer() - exact) < 1e-12
