"""What a target is: its log density, its event size D and its dtype."""

import tensorflow as tf


def resolve_target(target, *, event_size=None, dtype=None, initial_state=None):
    """The log density of `target` as a function, with its event size and dtype.

    A distribution, or the bound method of one, knows its own event size and dtype. For
    any other callable they come from the remaining arguments.

    Args:
      target: callable, `Tensor` of shape `[N, D]` to `[N]`, or an object with such a
        method `log_prob`.
      event_size: D, Python `int`, or `None` if not given.
      dtype: floating dtype, or `None` if not given.
      initial_state: `Tensor` of shape `[N, D]`, or `None` if not given.

    Returns:
      `(log_prob_fn, event_size, dtype)`.

    Raises:
      TypeError: if `target` is neither callable nor has `log_prob`, or if the dtype is
        contradictory or not floating.
      ValueError: if D is unknown or contradictory, or events are not vectors.
    """
    if hasattr(target, "log_prob"):
        owner, log_prob_fn = target, target.log_prob
    else:
        owner, log_prob_fn = getattr(target, "__self__", None), target
    if not callable(log_prob_fn):
        raise TypeError(
            "`target_log_prob_fn` must be a function of points [num_chains, D] that "
            "returns log densities [num_chains], or a distribution with `log_prob`, "
            f"but got {target!r}."
        )
    owner_size = _event_size(owner)
    sizes = {
        "the target's event shape": owner_size,
        "event_size": event_size,
        "initial_state": None if initial_state is None else initial_state.shape[-1],
    }
    event_size = _the_one("event size", sizes, ValueError)
    if event_size is None:
        raise ValueError(
            "The event size D of the target is unknown; pass event_size=D, or "
            "initial_state of shape [num_chains, D], or as target a distribution or "
            "the bound method of one, such as dist.log_prob."
        )
    dtypes = {
        # Only the dtype of an owner that is a distribution is one of points.
        "the target": None if owner_size is None else getattr(owner, "dtype", None),
        "dtype": dtype,
    }
    dtype = _the_one(
        "dtype",
        {k: None if v is None else tf.as_dtype(v).name for k, v in dtypes.items()},
        TypeError,
    )
    if dtype is None and initial_state is not None and initial_state.dtype.is_floating:
        dtype = initial_state.dtype
    dtype = tf.float32 if dtype is None else tf.as_dtype(dtype)
    if not dtype.is_floating:
        raise TypeError(
            "Random-walk Metropolis moves floating-point states, but the dtype is "
            f"{dtype.name}; pass a continuous target and dtype=tf.float32 or float64."
        )
    return log_prob_fn, event_size, dtype


def trace_target(log_prob_fn, state):
    """`log_prob_fn` as a TensorFlow graph, traced once.

    Args:
      log_prob_fn: callable, `[num_chains, D]` to `[num_chains]`.
      state: `Tensor` of shape `[num_chains, D]`, whose values do not matter.

    Returns:
      `tf.types.experimental.ConcreteFunction`.

    Raises:
      ValueError: if it cannot be traced.
    """
    graph_fn = tf.function(lambda x: log_prob_fn(x), autograph=False)
    try:
        return graph_fn.get_concrete_function(tf.TensorSpec(state.shape, state.dtype))
    except Exception as error:
        message = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            "The target works on a Tensor of numbers but cannot be compiled: "
            f"{message} Write it with TensorFlow operations only, without NumPy, "
            "`.numpy()` or Python `if`s on its values."
        ) from error


def _event_size(owner):
    """D from `owner.event_shape`, or `None` where there is none or it is unknown."""
    event_shape = getattr(owner, "event_shape", None)
    if event_shape is None:
        return None
    try:
        event_shape = tf.TensorShape(event_shape)
    except TypeError as error:
        raise ValueError(
            "The target must be a density of vectors, but its events are a structure, "
            f"{event_shape}; pass event_size=D and a function of points [num_chains, "
            "D] that splits them into these parts."
        ) from error
    if event_shape.rank is None:
        return None
    if event_shape.rank != 1:
        raise ValueError(
            f"The target must be a density of vectors, event shape [D], but its event "
            f"shape is {event_shape}; make a scalar a vector of size 1 with "
            "tfd.Sample(dist, 1), or flatten a larger shape with tfb.Reshape."
        )
    return event_shape[0]


def _the_one(what, values, error):
    """The one value among those that are not `None`, or raises `error`."""
    known = {name: value for name, value in values.items() if value is not None}
    if len(set(known.values())) > 1:
        listing = ", ".join(f"{value} from {name}" for name, value in known.items())
        raise error(f"The {what} is contradictory: {listing}; make them agree.")
    return next(iter(known.values()), None)
