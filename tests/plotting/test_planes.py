"""Pictures show what they should, measured on their pixels."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

import tfp_flows as tff


def drawn_mesh(draw):
    ax = Figure().subplots()
    assert draw(ax) is ax
    return ax, (ax.images or ax.collections)[0]


def test_density_is_the_target_on_a_grid():
    target = tff.targets.get("example3")
    ax, mesh = drawn_mesh(
        lambda ax: tff.plotting.plot_density(
            ax, target, target.plot_limits, resolution=101
        )
    )
    values = mesh.get_array()
    axis = np.linspace(-5, 5, 101).astype(np.float32)
    # Row by z_2, column by z_1: the bump at (0, 3) is wider in z_2.
    expected = np.exp(target.log_prob(np.stack([axis * 0, axis], axis=-1)))
    np.testing.assert_allclose(values[:, 50], expected, rtol=1e-4)
    assert tuple(mesh.get_extent()) == (-5, 5, -5, 5)
    assert ax.get_xlim() == (-5, 5)
    assert ax.get_aspect() == 1.0


def test_hard_edges_are_drawn_as_zero():
    target = tff.targets.get("u2")
    _, mesh = drawn_mesh(
        lambda ax: tff.plotting.plot_density(ax, target, (-6, 6), resolution=13)
    )
    values = mesh.get_array()
    assert np.all(values[:, [0, 1, 11, 12]] == 0.0)


def test_flow_density_is_that_of_the_image():
    flow = tff.planar_flow(2, 6, seed=0, init_scale=1.0)
    _, mesh = drawn_mesh(
        lambda ax: tff.plotting.plot_flow_density(ax, flow, (-5, 5), resolution=401)
    )
    # The drawn density, summed over the areas of the drawn cells, holds all the mass.
    corners = mesh.get_coordinates()
    a, b = corners[1:, 1:] - corners[:-1, :-1], corners[1:, :-1] - corners[:-1, 1:]
    areas = np.abs(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]) / 2
    density = mesh.get_array().reshape([400, 400])
    assert np.sum(areas * density) == pytest.approx(1.0, abs=2e-3)


def test_samples():
    points = np.array([[0.0, 1.0], [2.0, -1.0]])
    _, dots = drawn_mesh(lambda ax: tff.plotting.plot_samples(ax, points, (-3, 3)))
    np.testing.assert_array_equal(dots.get_offsets(), points)


def test_saved_figures_are_white_and_of_the_stated_size(tmp_path):
    target = tff.targets.get("u1")

    def draw(ax):
        tff.plotting.plot_density(ax, target, target.plot_limits, resolution=50)

    tff.plotting.save_panel(tmp_path / "sub" / "a.png", draw, title="u1", size=2, dpi=50)
    image = imread(tmp_path / "sub" / "a.png")
    assert image.shape[:2] == (100, 100)
    np.testing.assert_array_equal(image[0, 0, :3], 1.0)
    tff.plotting.save_grid(
        tmp_path / "b.png",
        [[(draw, "first"), (draw, "")]],
        column_titles=["a", "b"],
        row_titles=["u1"],
    )
    image = imread(tmp_path / "b.png")
    np.testing.assert_array_equal(image[0, 0, :3], 1.0)
    assert np.min(image[..., :3]) < 0.3
