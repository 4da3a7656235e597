"""What a target density is: a function of points, and what is known of it."""

from tfp_flows.density.as_density import as_density
from tfp_flows.density.density import Density
from tfp_flows.density.events import (
    check_distribution,
    check_events,
    check_single_flow,
)
from tfp_flows.density.row_stream import RowStream
from tfp_flows.density.rows import Rows
from tfp_flows.density.rowwise_posterior import RowwisePosterior

__all__ = [
    "Density",
    "RowStream",
    "Rows",
    "RowwisePosterior",
    "as_density",
    "check_distribution",
    "check_events",
    "check_single_flow",
]
