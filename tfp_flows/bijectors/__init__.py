"""Planar, radial and Sylvester flows as TFP bijectors, one layer or K at a time."""

from tfp_flows.bijectors.planar import Planar
from tfp_flows.bijectors.planar_stack import PlanarStack
from tfp_flows.bijectors.radial import Radial
from tfp_flows.bijectors.radial_stack import RadialStack
from tfp_flows.bijectors.sylvester import Sylvester
from tfp_flows.bijectors.sylvester_stack import SylvesterStack

__all__ = [
    "Planar",
    "PlanarStack",
    "Radial",
    "RadialStack",
    "Sylvester",
    "SylvesterStack",
]
