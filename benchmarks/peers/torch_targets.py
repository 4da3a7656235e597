"""The target densities in PyTorch."""

import torch

from benchmarks.peers import numpy_targets


def example1(x):
    """See `numpy_targets.example1`."""
    across = (torch.linalg.vector_norm(x, dim=-1) - 4.0) / 0.4
    right = -0.5 * ((x[..., 0] - 2.0) / 0.8) ** 2
    left = -0.5 * ((x[..., 0] + 2.0) / 0.8) ** 2
    return torch.logaddexp(right, left) - 0.5 * across**2


def gaussian_of_size(event_size):
    """See `numpy_targets.gaussian`; the scales are made once."""
    scales = numpy_targets.gaussian_scales(event_size)
    precisions = torch.tensor(1.0 / scales, dtype=torch.float32)
    return lambda x: -0.5 * torch.sum((x * precisions) ** 2, dim=-1)


def get(name, event_size):
    """The target of that name, a function of points `[..., D]`."""
    return example1 if name == "example1" else gaussian_of_size(event_size)
