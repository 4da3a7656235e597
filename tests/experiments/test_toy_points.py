"""Points in the plane: those of scikit-learn, with densities that are exact."""

import numpy as np
import pytest
from scipy import stats
from sklearn import datasets

from tfp_flows.experiments.toy_points import TOY_POINTS, circles, in_parts, two_moons

SKLEARN = {
    "two_moons": (
        two_moons(0.1),
        lambda n: datasets.make_moons(n, noise=0.1, random_state=1)[0],
    ),
    "circles": (
        circles(0.05, factor=0.5),
        lambda n: datasets.make_circles(n, noise=0.05, factor=0.5, random_state=1)[0],
    ),
}


@pytest.mark.parametrize("name", SKLEARN)
def test_points_are_distributed_as_those_of_scikit_learn(name, rng):
    toy, draw = SKLEARN[name]
    ours, theirs = toy.sample(4_000, rng), draw(4_000)
    for direction in ([1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, -2.0]):
        assert stats.ks_2samp(ours @ direction, theirs @ direction).pvalue > 1e-3
    # Log densities tell finer differences.
    ours, theirs = (in_parts(toy.log_density, x[:2_000]) for x in (ours, theirs))
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-3


@pytest.mark.parametrize("name", SKLEARN)
def test_without_noise_points_are_on_the_curves_of_scikit_learn(name, rng):
    make = {
        "two_moons": (two_moons(0.0), lambda n: datasets.make_moons(n)[0]),
        "circles": (circles(0.0), lambda n: datasets.make_circles(n, factor=0.5)[0]),
    }
    toy, draw = make[name]
    ours, theirs = toy.sample(200, rng), draw(10_000)
    distances = np.linalg.norm(ours[:, np.newaxis] - theirs, axis=-1)
    assert np.max(np.min(distances, axis=-1)) < 1e-3


@pytest.mark.parametrize("name", TOY_POINTS)
def test_density_is_that_of_the_points(name, rng):
    toy = TOY_POINTS[name]
    # Shares of a grid's cells, by the midpoint rule over 6 x 6 points in each.
    edges = np.linspace(-2.5, 2.5, 11)
    axis = np.linspace(-2.5, 2.5, 60, endpoint=False) + 2.5 / 60
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape([-1, 2])
    density = np.exp(in_parts(toy.log_density, grid)).reshape([10, 6, 10, 6])
    expected = np.sum(density, axis=(1, 3)) * (5.0 / 60) ** 2
    assert np.sum(expected) == pytest.approx(1.0, abs=0.02)
    x = toy.sample(20_000, rng)
    shares = np.histogram2d(x[:, 0], x[:, 1], bins=[edges, edges])[0] / len(x)
    np.testing.assert_allclose(shares, expected, atol=0.01)


def test_the_same_generator_gives_the_same_points():
    for toy in TOY_POINTS.values():
        first, second = (toy.sample(5, np.random.default_rng(0)) for _ in range(2))
        np.testing.assert_array_equal(first, second)
