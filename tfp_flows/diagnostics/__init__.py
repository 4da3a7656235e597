"""Judging the fit of a flow."""

from tfp_flows.diagnostics.evaluate import evaluate
from tfp_flows.diagnostics.evaluation import Evaluation

__all__ = ["Evaluation", "evaluate"]
