"""What the workers on PyTorch share: a loop of eager steps of a loss with Adam.

PyTorch's Adam as `fused=True`, one kernel for all parameters, the fastest of its three
implementations on CPUs. Threads are left at PyTorch's default. Neither library documents
`torch.compile`, and nothing is compiled here.
"""

import numpy as np
import torch

from benchmarks.peers import torch_targets


class TorchTrainer:
    """Eager steps."""

    def __init__(self, job, parameters, loss_fn):
        self._loss_fn = loss_fn
        self._optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)
        self._target = torch_targets.get(job["target"], job["D"])

    def compile(self, num_steps):
        """Nothing to compile."""

    def run(self, num_steps):
        """Makes the steps; the losses stay tensors until the end."""
        losses = []
        for _ in range(num_steps):
            self._optimizer.zero_grad()
            loss = self._loss_fn()
            loss.backward()
            self._optimizer.step()
            losses.append(loss.detach())
        return np.array([loss.item() for loss in losses])

    def log_prob(self, points):
        """The target."""
        return self._target(torch.as_tensor(points)).numpy()
