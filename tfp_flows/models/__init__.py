"""Keras models with flows: variational autoencoders."""

from tfp_flows.models.flow_vae import FlowVAE
from tfp_flows.models.networks import (
    gated_conv_decoder,
    gated_conv_encoder,
    mlp_decoder,
    mlp_encoder,
)
from tfp_flows.models.warm_up import KLWarmUp

__all__ = [
    "FlowVAE",
    "KLWarmUp",
    "gated_conv_decoder",
    "gated_conv_encoder",
    "mlp_decoder",
    "mlp_encoder",
]
