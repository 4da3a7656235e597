"""Hamiltonian kernels of TFP in the space of a flow."""

import math
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.mcmc.flow_space import FlowSpace

KERNELS = ("hmc", "nuts")
# The mean acceptance probability that steps are tuned for.
_ACCEPTANCE = 0.8
# A trajectory on a standard normal is back after 2 pi, and opposite after pi.
_LONGEST = math.pi
_MAX_LEAPFROGS, _MAX_TREE_DEPTH = 128, 7
# Errors of the energy from which on a trajectory has diverged, as in Stan.
_DIVERGENCE = 1000.0


class RandomTrajectory(tfp.mcmc.TransitionKernel):
    """HMC that draws its number of leapfrog steps anew in each transition.

    It is uniform up to a length of pi, half a period of the standard normal, so that the
    mean is the quarter that makes draws independent; a fixed length may be that of a
    period, which leads nowhere (Neal 2011, section 5.3.2). All chains share the number.
    """

    def __init__(self, inner_kernel: tfp.mcmc.HamiltonianMonteCarlo) -> None:
        """Wraps `inner_kernel`, which stores its parameters in its results."""
        self._inner_kernel = inner_kernel

    @property
    def inner_kernel(self) -> tfp.mcmc.HamiltonianMonteCarlo:
        """The wrapped kernel."""
        return self._inner_kernel

    @property
    def is_calibrated(self) -> bool:
        """Whether it leaves the target invariant."""
        return True

    @property
    def parameters(self) -> dict:
        """Of `__init__`, by name."""
        return dict(inner_kernel=self._inner_kernel)

    def bootstrap_results(self, init_state: tf.Tensor) -> Any:
        """Those of the wrapped kernel."""
        return self._inner_kernel.bootstrap_results(init_state)

    def one_step(
        self, current_state: tf.Tensor, previous_kernel_results: Any, seed: Any = None
    ) -> tuple[tf.Tensor, Any]:
        """A transition, with a number of steps drawn before."""
        length_seed, step_seed = tf.unstack(tfp.random.split_seed(seed, n=2))
        results = previous_kernel_results.accepted_results
        most = tf.math.ceil(_LONGEST / results.step_size)
        most = tf.cast(tf.clip_by_value(most, 1.0, float(_MAX_LEAPFROGS)), tf.int32)
        number = tf.random.stateless_uniform(
            [], length_seed, minval=1, maxval=most + 1, dtype=tf.int32
        )
        results = results._replace(num_leapfrog_steps=number)
        return self._inner_kernel.one_step(
            current_state,
            previous_kernel_results._replace(accepted_results=results),
            seed=step_seed,
        )


def make_kernel(
    name: str, space: FlowSpace, step_size: tf.Tensor, scale: tf.Tensor
) -> tfp.mcmc.DualAveragingStepSizeAdaptation:
    """The kernel of chains of y = z / scale.

    Dividing by scales is giving the momenta a diagonal mass matrix, 1 / scale^2. The step
    size is tuned in as many transitions as the results say, `num_adaptation_steps`.

    Args:
      name: `"hmc"` or `"nuts"`.
      space: `FlowSpace` of z.
      step_size: scalar `Tensor`, of the first transition.
      scale: `Tensor` of shape `[D]`.
    """

    def log_prob_fn(y: tf.Tensor) -> tf.Tensor:
        return space.log_prob(scale * y)

    if name == "nuts":
        kernel = tfp.mcmc.NoUTurnSampler(
            log_prob_fn, step_size, max_tree_depth=_MAX_TREE_DEPTH
        )
    else:
        kernel = RandomTrajectory(
            tfp.mcmc.HamiltonianMonteCarlo(
                log_prob_fn,
                step_size=step_size,
                num_leapfrog_steps=1,
                store_parameters_in_results=True,
            )
        )
    return tfp.mcmc.DualAveragingStepSizeAdaptation(
        kernel, num_adaptation_steps=0, target_accept_prob=_ACCEPTANCE
    )


def replace_state(
    results: Any, is_new: tf.Tensor, log_prob: tf.Tensor, gradient: tf.Tensor
) -> Any:
    """Results of the HMC kernel where some chains, `[num_chains]`, have another state.

    Args:
      results: of `make_kernel("hmc", ...)`.
      is_new: `bool` `Tensor`.
      log_prob: of the new states.
      gradient: of `log_prob`, by y, `[num_chains, D]`.
    """
    inner = results.inner_results
    hmc = inner.accepted_results
    (old_gradient,) = hmc.grads_target_log_prob
    hmc = hmc._replace(
        target_log_prob=tf.where(is_new, log_prob, hmc.target_log_prob),
        grads_target_log_prob=[tf.where(is_new[:, tf.newaxis], gradient, old_gradient)],
    )
    return results._replace(inner_results=inner._replace(accepted_results=hmc))


def log_prob_of(results: Any) -> tf.Tensor:
    """The log density of the states of a kernel of `make_kernel("hmc", ...)`."""
    return results.inner_results.accepted_results.target_log_prob


def trace_step(name: str, results: Any) -> dict[str, tf.Tensor]:
    """What is known of a transition, `[num_chains]` each, by ArviZ's names.

    Args:
      name: of the kernel.
      results: of `make_kernel`.
    """
    results = results.inner_results
    rate = tf.exp(tf.minimum(results.log_accept_ratio, 0.0))
    if name == "nuts":
        return dict(
            log_prob=results.target_log_prob,
            acceptance_rate=rate,
            diverging=results.has_divergence,
            n_steps=results.leapfrogs_taken,
        )
    accepted = results.accepted_results
    number = results.proposed_results.num_leapfrog_steps
    return dict(
        log_prob=accepted.target_log_prob,
        acceptance_rate=rate,
        # A ratio that is NaN is -inf in TFP.
        diverging=results.log_accept_ratio < -_DIVERGENCE,
        n_steps=number * tf.ones_like(rate, tf.int32),
    )
