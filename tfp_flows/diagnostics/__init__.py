"""Judging the fit of a flow."""

from tfp_flows.diagnostics.evaluate import evaluate
from tfp_flows.diagnostics.evaluation import Evaluation
from tfp_flows.diagnostics.injectivity import injectivity_margin
from tfp_flows.diagnostics.moments import MomentErrors
from tfp_flows.diagnostics.outside import Outside

__all__ = [
    "Evaluation",
    "MomentErrors",
    "Outside",
    "evaluate",
    "injectivity_margin",
]
