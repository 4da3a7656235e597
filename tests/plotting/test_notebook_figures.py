"""Figures of points, maps, counts, traces, intervals and images: what they draw."""

import matplotlib as mpl
import numpy as np
import pytest
import tensorflow as tf
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import tfp_flows as tff
from tfp_flows.plotting import style


@pytest.fixture
def ax():
    return Figure().subplots()


def test_limits_may_differ_between_axes(ax):
    limits = ((-1.0, 5.0), (0.0, 2.0))

    def log_prob(x):
        return -x[:, 0] - 10.0 * x[:, 1]

    assert tff.plotting.plot_density(ax, log_prob, limits, resolution=3) is ax
    np.testing.assert_allclose(
        ax.images[0].get_array(),
        np.exp(-np.array([-1, 2, 5]) - 10.0 * np.array([[0], [1], [2]])),
        rtol=1e-6,
    )
    assert tuple(ax.images[0].get_extent()) == (-1, 5, 0, 2)
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1, 5), (0, 2))
    axes, _ = tff.plotting.density_on_grid(log_prob, limits, resolution=3)
    np.testing.assert_array_equal(axes, [[-1, 2, 5], [0, 1, 2]])


def test_empirical_density_counts_all_samples(ax):
    samples = np.array([[0.5, 1.5], [0.5, 1.5], [1.5, 0.5], [9.0, 9.0]])
    assert tff.plotting.plot_empirical_density(ax, samples, (0, 2), bins=2) is ax
    # By z_2, then z_1; a quarter of the samples lies outside.
    np.testing.assert_allclose(ax.images[0].get_array(), [[0, 0.25], [0.5, 0]])


def test_colours_follow_the_quadrant_of_the_start(ax):
    start = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    assert tff.plotting.plot_by_quadrant(ax, start + 5.0, start, (0, 9)) is ax
    dots = ax.collections[0]
    np.testing.assert_array_equal(dots.get_offsets(), start + 5.0)
    colors = [tuple(color[:3]) for color in dots.get_facecolors()]
    assert len(set(colors)) == 4
    assert colors[0] == pytest.approx(to_rgb(style.QUADRANT_COLORS[3]))


def test_deformed_grid_is_the_image_of_both_families_of_lines(ax):
    layer = tff.bijectors.Planar([1.0, 0.5], [2.0, -1.0], 0.3)
    assert tff.plotting.plot_deformed_grid(ax, layer, (-1, 1), (-3, 3), num_lines=5) is ax
    assert len(ax.lines) == 10
    along, across = np.linspace(-1, 1, 401), np.linspace(-1, 1, 5)
    for index, x in enumerate(across):
        for line, points in [
            (ax.lines[index], np.stack([np.full(401, x), along], axis=-1)),
            (ax.lines[5 + index], np.stack([along, np.full(401, x)], axis=-1)),
        ]:
            moved = layer.forward(tf.constant(points, tf.float32))
            np.testing.assert_allclose(line.get_xydata(), moved, atol=1e-6)


def test_loss_is_the_median_per_window_above_log_z(ax):
    loss = np.arange(10.0)
    loss[1] = np.inf
    tff.plotting.plot_loss(ax, loss, log_normalizer=2.0, window=3, label="a")
    np.testing.assert_allclose(
        ax.lines[0].get_xydata(), [[1.5, 4.0], [4.5, 6.0], [7.5, 9.0]]
    )
    tff.plotting.plot_loss(ax, [1.0, 3.0], window=100)
    np.testing.assert_allclose(ax.lines[1].get_xydata(), [[1.0, 2.0]])


def test_traces(ax):
    samples = np.arange(20.0).reshape([10, 2])
    assert tff.plotting.plot_traces(ax, samples, num_samples=4) is ax
    assert len(ax.lines) == 2
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), samples[:4, 1])


def test_autocorrelation(ax):
    values = np.array([[1.0, 1.0], [0.5, 0.2], [0.1, 0.0]])
    assert tff.plotting.plot_autocorrelation(ax, values) is ax
    for line, column in zip(ax.lines[1:], values.T, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), column)


def test_histogram_is_a_density(ax, rng):
    samples = rng.uniform(2.0, 4.0, 1_000)
    tff.plotting.plot_histogram(ax, samples, bins=10, density_fn=lambda x: 0.5 + 0 * x)
    heights = np.array([bar.get_height() for bar in ax.patches])
    assert np.mean(heights) * (samples.max() - samples.min()) == pytest.approx(1.0)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), 0.5)


def test_intervals_are_quantiles(ax):
    values = np.linspace(0.0, 1.0, 1_001)[:, np.newaxis] + [0.0, 10.0]
    tff.plotting.plot_intervals(ax, {"a": values, "b": -values}, ["first", "second"])
    wide = ax.collections[0].get_segments()
    np.testing.assert_allclose([s[:, 0] for s in wide], [[0.05, 0.95], [10.05, 10.95]])
    np.testing.assert_allclose(ax.lines[1].get_xdata(), [-0.5, -10.5])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["first", "second"]
    assert ax.yaxis_inverted()


def test_classes_have_colours_of_their_own(ax, rng):
    points, labels = rng.normal(size=(30, 2)), np.arange(30) % 10
    tff.plotting.plot_labelled_points(ax, points, labels)
    colors = [tuple(dots.get_facecolor()[0][:3]) for dots in ax.collections]
    assert colors == [pytest.approx(to_rgb(name)) for name in style.CLASS_COLORS]


def test_use_style():
    with mpl.rc_context():
        tff.plotting.use_style()
        assert mpl.rcParams["axes.prop_cycle"].by_key()["color"] == list(style.COLORS)
        assert not mpl.rcParams["axes.spines.top"]
