"""Experiments: a configuration in, files out."""

from tfp_flows.experiments.fit import FitConfig, fit
from tfp_flows.experiments.notebooks import notebook_paths, run_notebooks
from tfp_flows.experiments.reproduce import ReproduceConfig, reproduce
from tfp_flows.experiments.sample import sample_writer

__all__ = [
    "FitConfig",
    "ReproduceConfig",
    "fit",
    "notebook_paths",
    "reproduce",
    "run_notebooks",
    "sample_writer",
]
