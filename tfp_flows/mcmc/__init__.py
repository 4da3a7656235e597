"""Markov chain Monte Carlo, the baseline that flows are judged against, and weights."""

from tfp_flows.mcmc.chain_result import ChainResult
from tfp_flows.mcmc.importance import (
    ImportanceSamples,
    importance_resample,
    importance_sample,
)
from tfp_flows.mcmc.random_walk_metropolis import random_walk_metropolis

__all__ = [
    "ChainResult",
    "ImportanceSamples",
    "importance_resample",
    "importance_sample",
    "random_walk_metropolis",
]
