"""Posteriors of Bayesian models: from a joint distribution to draws that are judged."""

from tfp_flows.posteriors.fit_posterior import fit_posterior
from tfp_flows.posteriors.posterior import Draws, Posterior
from tfp_flows.posteriors.refine import refine
from tfp_flows.posteriors.refinement import Refinement
from tfp_flows.posteriors.storage import load, save

__all__ = ["Draws", "Posterior", "Refinement", "fit_posterior", "load", "refine", "save"]
