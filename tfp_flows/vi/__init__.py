"""Fitting flows: what is minimised, and the loop that minimises it."""

from tfp_flows.vi.fit_result import FitError, FitInterrupted, FitResult
from tfp_flows.vi.fitting import fit
from tfp_flows.vi.gaussian_start import GaussianStart, gaussian_start
from tfp_flows.vi.likelihood import NegativeLogLikelihood
from tfp_flows.vi.maximum_likelihood import fit_maximum_likelihood
from tfp_flows.vi.objective import Objective
from tfp_flows.vi.recipe import default_optimizer, linear_annealing
from tfp_flows.vi.restarts import fit_restarts
from tfp_flows.vi.reverse_kl import fit_reverse_kl
from tfp_flows.vi.reverse_kl_objectives import PathReverseKL, ReverseKL
from tfp_flows.vi.subsampled_start import subsampled_start
from tfp_flows.vi.sweep import fit_many

__all__ = [
    "FitError",
    "FitInterrupted",
    "FitResult",
    "GaussianStart",
    "NegativeLogLikelihood",
    "Objective",
    "PathReverseKL",
    "ReverseKL",
    "default_optimizer",
    "fit",
    "fit_many",
    "fit_maximum_likelihood",
    "fit_restarts",
    "fit_reverse_kl",
    "gaussian_start",
    "linear_annealing",
    "subsampled_start",
]
