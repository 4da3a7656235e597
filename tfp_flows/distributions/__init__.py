"""Builders of trainable flows, and their storage."""

from tfp_flows.distributions.planar_flow import planar_flow
from tfp_flows.distributions.radial_flow import radial_flow
from tfp_flows.distributions.storage import load, save
from tfp_flows.distributions.sylvester_flow import sylvester_flow

__all__ = ["load", "planar_flow", "radial_flow", "save", "sylvester_flow"]
