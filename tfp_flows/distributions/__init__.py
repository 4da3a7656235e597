"""Builders of trainable flows, and their storage."""

from tfp_flows.distributions import builders
from tfp_flows.distributions.base import build_flow
from tfp_flows.distributions.builders import *  # noqa: F403
from tfp_flows.distributions.storage import load, save
from tfp_flows.files import InvalidFileError

__all__ = ["InvalidFileError", "build_flow", "load", "save"]
__all__ += builders.__all__
__all__.sort()
