"""Optimizers for flows, as Keras takes them."""

from tfp_flows.training.eigenbasis import EigenbasisAdam

__all__ = ["EigenbasisAdam"]
