"""Markov chain Monte Carlo, the baseline that flows are judged against."""

from tfp_flows.mcmc.chain_result import ChainResult
from tfp_flows.mcmc.random_walk_metropolis import random_walk_metropolis

__all__ = ["ChainResult", "random_walk_metropolis"]
