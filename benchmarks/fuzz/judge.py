"""What comes of a call: a clear error, a good result, or neither."""

import re
from typing import NamedTuple

import numpy as np
import tensorflow as tf

import tfp_flows as tff

# What docstrings name; OSError is that of files.
DOCUMENTED = (ValueError, TypeError, OSError, tff.vi.FitError)

_NUMBERS = (bool, int, float, list, tuple, np.ndarray, np.number, tf.Tensor, tf.Variable)


class Outcome(NamedTuple):
    """What came of a call.

    Attributes:
      kind: "good", "refused", "unclear" or "silent".
      why: the error, or what is wrong with the result.
    """

    kind: str
    why: str = ""


def judge(call, changed):
    """Calls a function with changed arguments.

    Args:
      call: `Call`.
      changed: dict, name of an argument = value.

    Returns:
      `Outcome`.
    """
    arguments = call.arguments() | changed
    try:
        result = call.function(**arguments)
        problem = call.problem(result, arguments)
    except (*DOCUMENTED, *call.errors) as error:
        text = str(error)
        names = [alias for name in changed for alias in call.names_of(name)]
        if isinstance(error, OSError):  # by its path
            names += [repr(str(value))[1:-1] for value in changed.values()]
        if any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in names):
            return Outcome("refused", text)
        return Outcome("unclear", f"names none of {names}: {error!r}")
    except Exception as error:
        return Outcome("unclear", f"{type(error).__name__}: {error}")
    return Outcome("silent", problem) if problem else Outcome("good")


def not_finite(values, what):
    """What is wrong with numbers, if anything is."""
    for value in tf.nest.flatten(values):
        array = np.asarray(tf.cast(value, tf.float64))
        if not np.all(np.isfinite(array)):
            return f"{what} is not finite: {array.ravel()[:4]}"
    return None


def problem_of_flow(flow, arguments):
    """What is wrong with a flow that a builder made of arguments."""
    if list(flow.event_shape) != [arguments["event_size"]]:
        return f"event shape {flow.event_shape}"
    batch = list(arguments.get("batch_shape", ()))
    if list(flow.batch_shape) != batch:
        return f"batch shape {flow.batch_shape}"
    dtype = arguments.get("dtype", tf.float32)
    if flow.dtype != tf.as_dtype(dtype):
        return f"dtype {flow.dtype}"
    x, log_prob = flow.experimental_sample_and_log_prob(3, seed=(0, 1))
    if list(log_prob.shape) != [3, *batch]:
        return f"log_prob of shape {log_prob.shape}"
    return not_finite([x, log_prob], "a sample or its log density")


def problem_of_bijector(bijector, arguments):
    """What is wrong with a bijector of the plane.

    Without `validate_args`, what is out of range is not looked for, as in all of TFP.
    """
    # Two points for each member of a batch.
    batch = bijector.experimental_batch_shape(x_event_ndims=1)
    x = tf.constant([[0.3, -0.4], [1.0, 2.0]], bijector.dtype)
    x = tf.reshape(x, [2, *[1] * batch.rank, 2])
    y = bijector.forward(x)
    log_det = bijector.forward_log_det_jacobian(x, event_ndims=1)
    if y.shape[-1] != 2:
        return f"forward of shape {y.shape}"
    if not arguments["validate_args"]:
        return None
    problem = not_finite([y, log_det], "forward or its log-det")
    given = [v for v in bijector.parameters.values() if isinstance(v, _NUMBERS)]
    largest = max(
        np.max(np.abs(np.asarray(value, float)), initial=0.0) for value in given
    )
    if problem or largest > 1e3:
        return problem  # no inverse has the digits that such an image has lost
    error = np.max(np.abs(bijector.inverse(tf.identity(y)) - x), initial=0.0)
    return None if error < 1e-2 else f"inverse off by {error}"


def problem_of_fit(result, arguments):
    """What is wrong with the result of a fit."""
    variables = result.flow.trainable_variables
    problem = not_finite([*variables, result.loss, result.final_loss], "the fit")
    if problem or result.num_steps_done <= arguments["num_steps"]:
        return problem
    return f"{result.num_steps_done} steps"
