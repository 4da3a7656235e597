"""Keras models with flows: of densities, conditional ones, and autoencoders."""

from tfp_flows.models.conditional_flow import ConditionalFlow
from tfp_flows.models.flow_model import FlowModel
from tfp_flows.models.flow_vae import FlowVAE
from tfp_flows.models.likelihoods import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    GaussianLikelihood,
    Likelihood,
)
from tfp_flows.models.networks import (
    gated_conv_decoder,
    gated_conv_encoder,
    mlp_decoder,
    mlp_encoder,
)
from tfp_flows.models.warm_up import KLWarmUp

__all__ = [
    "BernoulliLikelihood",
    "CategoricalLikelihood",
    "ConditionalFlow",
    "FlowModel",
    "FlowVAE",
    "GaussianLikelihood",
    "KLWarmUp",
    "Likelihood",
    "gated_conv_decoder",
    "gated_conv_encoder",
    "mlp_decoder",
    "mlp_encoder",
]
