"""Judging the fit of a flow."""

from tfp_flows.diagnostics.evaluate import evaluate
from tfp_flows.diagnostics.evaluation import Evaluation
from tfp_flows.diagnostics.injectivity import injectivity_margin

__all__ = ["Evaluation", "evaluate", "injectivity_margin"]
