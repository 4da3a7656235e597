"""Planar, radial, Sylvester and autoregressive flows as TFP bijectors: layers, stacks."""

from tfp_flows.bijectors.autoregressive import Autoregressive
from tfp_flows.bijectors.autoregressive_family import AutoregressiveFamily
from tfp_flows.bijectors.autoregressive_stack import AutoregressiveStack
from tfp_flows.bijectors.family import Family
from tfp_flows.bijectors.live import chain
from tfp_flows.bijectors.planar import Planar
from tfp_flows.bijectors.planar_family import PlanarFamily
from tfp_flows.bijectors.planar_stack import PlanarStack
from tfp_flows.bijectors.radial import Radial
from tfp_flows.bijectors.radial_family import RadialFamily
from tfp_flows.bijectors.radial_stack import RadialStack
from tfp_flows.bijectors.sylvester import Sylvester
from tfp_flows.bijectors.sylvester_family import SylvesterFamily
from tfp_flows.bijectors.sylvester_stack import SylvesterStack

#: The families, by the name that files and the command line have for them.
FAMILIES = {
    family.name: family
    for family in (PlanarFamily, RadialFamily, SylvesterFamily, AutoregressiveFamily)
}

__all__ = [
    "FAMILIES",
    "Autoregressive",
    "AutoregressiveFamily",
    "AutoregressiveStack",
    "Family",
    "Planar",
    "PlanarFamily",
    "PlanarStack",
    "Radial",
    "RadialFamily",
    "RadialStack",
    "Sylvester",
    "SylvesterFamily",
    "SylvesterStack",
    "chain",
]
__all__.sort()
