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


def test_flow_density_on_a_grid_is_normalized():
    flow = tff.planar_flow(2, 4, seed=0)
    axis, density = tff.plotting.density_on_grid(flow, (-7, 7), resolution=201)
    assert density.shape == (201, 201)
    assert np.sum(density) * (axis[1] - axis[0]) ** 2 == pytest.approx(1.0, abs=1e-4)
    _, mesh = drawn_mesh(
        lambda ax: tff.plotting.plot_grid_density(ax, density, (-7, 7), vmax=0.5)
    )
    np.testing.assert_array_equal(mesh.get_array(), density)
    assert mesh.get_clim() == (0.0, 0.5)
    # By z_2, then z_1.
    point = np.array([[axis[120], axis[80]]], np.float32)
    assert density[80, 120] == pytest.approx(np.exp(flow.log_prob(point))[0], rel=1e-4)


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
