"""Pictures of densities, samples and flows; functions draw on Axes and return them."""

from tfp_flows.plotting.figures import save_figure, save_grid, save_panel
from tfp_flows.plotting.images import plot_images, plot_labelled_points
from tfp_flows.plotting.planes import (
    density_on_grid,
    plot_density,
    plot_grid_density,
    plot_samples,
)
from tfp_flows.plotting.report_card import draw_report_card

__all__ = [
    "density_on_grid",
    "draw_report_card",
    "plot_density",
    "plot_grid_density",
    "plot_images",
    "plot_labelled_points",
    "plot_samples",
    "save_figure",
    "save_grid",
    "save_panel",
]
