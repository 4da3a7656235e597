"""Experiments: a configuration in, files out.

`tfp_flows.experiments.vae`, which needs Keras on TensorFlow, is imported by itself.
"""

from tfp_flows.experiments.density_estimation import DensityConfig, estimate_densities
from tfp_flows.experiments.fit import FitConfig, fit
from tfp_flows.experiments.images import load_images
from tfp_flows.experiments.notebooks import notebook_paths, run_notebooks
from tfp_flows.experiments.report import report
from tfp_flows.experiments.report_card import evaluate_file
from tfp_flows.experiments.report_pdf import compile_report
from tfp_flows.experiments.reproduce import ReproduceConfig, reproduce
from tfp_flows.experiments.sample import sample_writer

__all__ = [
    "DensityConfig",
    "FitConfig",
    "ReproduceConfig",
    "compile_report",
    "estimate_densities",
    "evaluate_file",
    "fit",
    "load_images",
    "notebook_paths",
    "report",
    "reproduce",
    "run_notebooks",
    "sample_writer",
]
