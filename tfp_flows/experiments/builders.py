"""The kinds of flows that experiments can fit, by name."""

from tfp_flows import distributions

BUILDERS = {
    "planar": distributions.planar_flow,
    "radial": distributions.radial_flow,
    "sylvester": distributions.sylvester_flow,
}
