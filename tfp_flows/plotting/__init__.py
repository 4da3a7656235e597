"""Pictures of densities, samples and flows; functions draw on Axes and return them."""

from tfp_flows.plotting.figures import save_figure, save_grid, save_panel
from tfp_flows.plotting.images import plot_images, plot_labelled_points
from tfp_flows.plotting.marginals import plot_histogram, plot_intervals
from tfp_flows.plotting.planes import (
    density_on_grid,
    plot_density,
    plot_empirical_density,
    plot_grid_density,
)
from tfp_flows.plotting.points import plot_by_quadrant, plot_deformed_grid, plot_samples
from tfp_flows.plotting.report_card import draw_report_card
from tfp_flows.plotting.style import use_style
from tfp_flows.plotting.traces import plot_autocorrelation, plot_loss, plot_traces

__all__ = [
    "density_on_grid",
    "draw_report_card",
    "plot_autocorrelation",
    "plot_by_quadrant",
    "plot_deformed_grid",
    "plot_density",
    "plot_empirical_density",
    "plot_grid_density",
    "plot_histogram",
    "plot_images",
    "plot_intervals",
    "plot_labelled_points",
    "plot_loss",
    "plot_samples",
    "plot_traces",
    "save_figure",
    "save_grid",
    "save_panel",
    "use_style",
]
