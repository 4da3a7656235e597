"""Markov chains, the baseline of flows and through their space, and weights."""

from tfp_flows.mcmc.chain_result import ChainResult
from tfp_flows.mcmc.importance import (
    ImportanceSamples,
    importance_resample,
    importance_sample,
)
from tfp_flows.mcmc.independence_metropolis import independence_metropolis
from tfp_flows.mcmc.neutra import neutra
from tfp_flows.mcmc.random_walk_metropolis import random_walk_metropolis
from tfp_flows.mcmc.storage import load, save

__all__ = [
    "ChainResult",
    "ImportanceSamples",
    "importance_resample",
    "importance_sample",
    "independence_metropolis",
    "load",
    "neutra",
    "random_walk_metropolis",
    "save",
]
