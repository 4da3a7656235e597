"""The training loop of the workers on PyTorch: eager steps, as their tutorials have it.

Fused Adam under a cosine, gradients clipped at norm 1, steps whose gradients are not
finite left out. One thread: with tensors of this size a second one only waits.
`torch.compile` is documented by
neither library, and takes longer than these fits.
"""

import functools
import math

import torch

from benchmarks.time_to_kl.densities import DENSITIES


class Trainer:
    """See `protocol`; a fit is the callable that draws from the flow."""

    def __init__(self, target, initialize):
        """Of a target's name.

        Args:
          target: a name of `DENSITIES`.
          initialize: callable, to a module and a callable that draws from it, `n` to x
            `[n, D]` and log q `[n]`.
        """
        self._log_prob = functools.partial(DENSITIES[target].log_prob, torch)
        self._initialize = initialize
        torch.set_num_threads(1)

    def train(self, settings, after_step=None):
        """See `protocol`; `after_step` is called with the module after each step."""
        torch.manual_seed(settings["seed"])
        module, sample_and_log_prob = self._initialize()
        parameters = list(module.parameters())
        optimizer = torch.optim.Adam(parameters, lr=settings["rate"], fused=True)
        num_steps = settings["num_steps"]
        for step in range(num_steps):
            progress = step / num_steps
            rate = 0.5 * settings["rate"] * (1.0 + math.cos(math.pi * progress))
            optimizer.param_groups[0]["lr"] = rate
            beta = min(0.01 + 0.99 * 2.0 * progress, 1.0) if settings["annealed"] else 1.0
            optimizer.zero_grad()
            x, log_q = sample_and_log_prob(settings["sample_size"])
            torch.mean(log_q - beta * self._log_prob(x)).backward()
            norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            if torch.isfinite(norm):
                optimizer.step()
            if after_step is not None:
                after_step(module)
        return sample_and_log_prob

    def draw(self, fit, num_samples, seed):
        """See `protocol`."""
        torch.manual_seed(seed)
        x, log_q = fit(num_samples)
        return x.detach().numpy(), log_q.detach().numpy()
