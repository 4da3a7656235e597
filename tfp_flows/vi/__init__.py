"""Fitting flows."""

from tfp_flows.vi.fit_error import FitError
from tfp_flows.vi.fit_result import FitResult
from tfp_flows.vi.likelihood_result import LikelihoodResult
from tfp_flows.vi.maximum_likelihood import fit_maximum_likelihood
from tfp_flows.vi.recipe import default_optimizer, linear_annealing
from tfp_flows.vi.restarts import fit_restarts
from tfp_flows.vi.reverse_kl import fit_reverse_kl

__all__ = [
    "FitError",
    "FitResult",
    "LikelihoodResult",
    "default_optimizer",
    "fit_maximum_likelihood",
    "fit_restarts",
    "fit_reverse_kl",
    "linear_annealing",
]
