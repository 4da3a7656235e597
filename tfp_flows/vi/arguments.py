"""Checks of what a fit is given, before anything is compiled."""

import numpy as np
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.vi.objectives import OBJECTIVES


def check_variables(flow, variables=None):
    """The trainable variables of a flow, or those given; a ValueError if none."""
    variables = list(flow.trainable_variables if variables is None else variables)
    if not variables:
        raise ValueError(
            f"{flow.name} has no trainable variables; build it with tff.planar_flow or "
            "tff.radial_flow, or give its bijector tf.Variables."
        )
    return variables


def check_flow(flow):
    """The trainable variables of a reparameterised flow, or a ValueError."""
    variables = check_variables(flow)
    if flow.reparameterization_type != tfp.distributions.FULLY_REPARAMETERIZED:
        raise ValueError(
            f"{flow.name} is not reparameterised: gradients would not flow through its "
            "samples; give it a reparameterised base, such as a normal."
        )
    return variables


def check_optional_size(name, value):
    """`None`, or an `int` of at least 1; see `numerics.check_size`."""
    return None if value is None else numerics.check_size(name, value)


def check_clip_norm(clip_norm):
    """Raises ValueError unless it is positive or `None`."""
    if clip_norm is not None and not clip_norm > 0.0:
        raise ValueError(f"`clip_norm` must be positive or None, but got {clip_norm!r}.")


def check_estimator(gradient_estimator, flow):
    """Raises if there is no such gradient estimator, or not for this flow."""
    if gradient_estimator not in OBJECTIVES:
        raise ValueError(
            f"`gradient_estimator` must be one of {', '.join(map(repr, OBJECTIVES))}, "
            f"but got {gradient_estimator!r}."
        )
    if gradient_estimator == "path" and not hasattr(flow, "bijector"):
        raise TypeError(
            "The path gradient needs a tfd.TransformedDistribution, whose bijector "
            f"carries the score, but got {flow!r}; use "
            "gradient_estimator='reparameterized'."
        )


def prepare_optimizer(optimizer, variables):
    """Makes the slots of the optimizer, which can't be made inside the loop."""
    if not all(hasattr(optimizer, a) for a in ("apply_gradients", "build")):
        raise TypeError(
            "`optimizer` must be a Keras 3 or tf_keras optimizer, such as "
            f"keras.optimizers.Adam(1e-3), but got {optimizer!r}."
        )
    optimizer.build(variables)


def check_target(flow, target_log_prob_fn, sample_size, seed):
    """The samples of the flow at which it was checked; raises on a bad target."""
    points = flow.sample(sample_size, seed=seed)
    log_prob = numerics.first_evaluation(target_log_prob_fn, points).numpy()
    num_outside = np.sum(np.isneginf(log_prob))
    if num_outside:
        raise ValueError(
            f"The target is -inf at {num_outside} of {log_prob.size} samples of the "
            "initial flow: the reverse KL is infinite, without a gradient. Give the "
            "target a steep finite edge (built-in targets have one in "
            "`unnormalized_log_prob`), or map the flow onto the support with a bijector."
        )
    return points


def optimizer_config(optimizer):
    """Its configuration, without the name, which counts the optimizers of a process."""
    config = _plain(optimizer.get_config())
    return {key: value for key, value in config.items() if key != "name"}


def _plain(value):
    """`value` in types that JSON knows."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, int | float | str | None) else str(value)
