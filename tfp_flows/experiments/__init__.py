"""Experiments: a configuration in, files out."""

from tfp_flows.experiments.fit import FitConfig, fit
from tfp_flows.experiments.images import load_images
from tfp_flows.experiments.reproduce import ReproduceConfig, reproduce
from tfp_flows.experiments.sample import sample_writer
from tfp_flows.experiments.vae import (
    VaeConfig,
    build_vae,
    judge_vae,
    train_vae,
    vae,
)

__all__ = [
    "FitConfig",
    "ReproduceConfig",
    "VaeConfig",
    "build_vae",
    "fit",
    "judge_vae",
    "load_images",
    "reproduce",
    "sample_writer",
    "train_vae",
    "vae",
]
