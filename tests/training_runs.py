"""Fits under way, as events see them, without an objective."""

import keras
import tensorflow as tf

from tfp_flows.training import Run


def run_at(
    step, traces, variables=(), batch_shape=(), *, optimizer=None, num_steps=2_000
):
    """A `Run` after `step` steps of such losses, weights and gradient norms."""
    run = Run(
        objective=None,
        variables=list(variables),
        optimizer=optimizer or keras.optimizers.SGD(),
        batch_shape=tf.TensorShape(batch_shape),
        dtype=tf.float32,
        num_steps=num_steps,
    )
    run.state.step = step
    run.traces.append(traces)
    return run
