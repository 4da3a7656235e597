"""What FlowModel is trained on: checked data, or a stand-in for them."""

import numpy as np
import tensorflow as tf


def check_data(method, x, event_size):
    """Raises unless `x` may be data of event size D.

    Arrays and tensors are checked whole, datasets by what they say of their elements;
    other sources are left to the first batch.

    Args:
      method: what was called, for the message.
      x: what `keras.Model.fit` takes.
      event_size: D.

    Raises:
      TypeError: if the data are not floating-point.
      ValueError: if there are none, or they are of another shape or not finite.
    """
    if x is None:
        raise ValueError(
            f"{method} needs data of shape [N, {event_size}] for maximum likelihood, but "
            "got none; to fit a density instead, compile with target_log_prob_fn."
        )
    if isinstance(x, tf.data.Dataset):
        spec = x.element_spec
        if isinstance(spec, tuple):
            if len(spec) > 1:
                check_points_alone(method, spec[1])
            spec = spec[0]
        _check_spec(method, spec.shape, spec.dtype, event_size, "[batch, {}]")
    elif isinstance(x, np.ndarray) or tf.is_tensor(x):
        _check_spec(method, tf.TensorShape(x.shape), x.dtype, event_size, "[N, {}]")
        is_bad = ~np.isfinite(np.asarray(x)).all(axis=-1)
        if np.any(is_bad):
            raise ValueError(
                f"{method} got data that are NaN or infinite in {np.sum(is_bad)} of "
                f"{len(is_bad)} points, the first at index {np.argmax(is_bad)}; leave "
                "them out, or mend them."
            )


def check_points_alone(method, y, arguments=None):
    """Raises ValueError if there are labels, or weights in the keyword arguments."""
    if y is not None:
        raise ValueError(
            f"{method} got labels, but a flow models points alone; pass x only (for a "
            "dataset, of elements x or (x,))."
        )
    # Keras drops weights without a word where there are no labels.
    if (arguments or {}).get("sample_weight") is not None:
        raise ValueError(
            f"{method} got sample_weight, but FlowModel does not weigh points; resample "
            "them in proportion to their weights."
        )


def target_data(method, x, y, arguments, steps_name, sample_size):
    """Stand-ins for data, where there is a target: S zeros per step.

    Distribution strategies split them like data, so that each replica draws its share.

    Args:
      method: what was called, for the message.
      x: what it got as data; `None` is right.
      y: what it got as labels.
      arguments: the other keyword arguments.
      steps_name: which of them says how many steps to make.
      sample_size: S.

    Returns:
      `tf.data.Dataset`, endless, of `Tensor`s of shape `[S]`.

    Raises:
      ValueError: if there are data, or no number of steps.
    """
    unwanted = [
        name
        for name, value in (("x", x), ("y", y), *arguments.items())
        if value is not None and name in _DATA_ARGUMENTS
    ]
    if unwanted:
        raise ValueError(
            f"{method} got {', '.join(unwanted)}, but the model was compiled with a "
            "target_log_prob_fn, from whose flow it draws its own samples; compile "
            "without one to train on data."
        )
    if arguments.get(steps_name) is None:
        raise ValueError(
            f"{method} with a target_log_prob_fn needs `{steps_name}`, as samples are "
            "drawn without end."
        )
    return tf.data.Dataset.from_tensors(tf.zeros([sample_size])).repeat()


_DATA_ARGUMENTS = {"x", "y", "validation_data", "validation_split", "sample_weight"}


def _check_spec(method, shape, dtype, event_size, expected):
    expected = expected.format(event_size)
    if not shape.is_compatible_with([None, event_size]):
        raise ValueError(
            f"{method} needs data of shape {expected}, event size {event_size}, but got "
            f"shape {shape}."
        )
    if not tf.as_dtype(dtype).is_floating:
        raise TypeError(
            f"{method} needs floating-point data, but got {tf.as_dtype(dtype).name}; "
            "cast them, for example with x.astype('float32')."
        )
