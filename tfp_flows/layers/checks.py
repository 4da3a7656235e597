"""Checks of what a layer is called on, and of its size."""

import tensorflow as tf

# 4 GB in float32. Sizes beyond come from a slip, or from a file of a stranger.
_MOST_WEIGHTS = 2**30


def check_num_weights(layer: str, num_weights: int) -> None:
    """Raises ValueError if there are more weights than a layer sensibly has."""
    if num_weights > _MOST_WEIGHTS:
        raise ValueError(
            f"{layer} would have {num_weights:,} weights, more than {_MOST_WEIGHTS:,}; "
            "choose smaller sizes."
        )


def check_floating(layer: str, **inputs: tf.Tensor) -> None:
    """Raises TypeError unless every input is floating-point."""
    for name, value in inputs.items():
        dtype = tf.as_dtype(value.dtype)
        if not dtype.is_floating:
            raise TypeError(
                f"{layer} needs floating-point inputs, but `{name}` is {dtype.name}; "
                "cast it, for example with tf.cast(..., tf.float32)."
            )


def check_vectors(layer: str, name: str, shape: tuple) -> int:
    """The static size of the last axis of `[..., D]`, or a ValueError."""
    if len(shape) == 0 or shape[-1] is None:
        raise ValueError(
            f"{layer} needs `{name}` of shape [..., size] with a static last axis, but "
            f"got shape {tuple(shape)}."
        )
    return int(shape[-1])


def check_pair(layer: str, inputs: list) -> list:
    """`inputs` as a pair `z0, h`, or a ValueError."""
    if not isinstance(inputs, list | tuple) or len(inputs) != 2:
        found = len(inputs) if isinstance(inputs, list | tuple) else type(inputs).__name__
        raise ValueError(
            f"{layer} is called on two inputs, [z0, h]: points and the output of an "
            f"encoder, but got {found}."
        )
    return inputs


def check_pair_of_shapes(layer: str, shapes: list) -> tuple[tuple, tuple]:
    """The shapes of z0 `[..., B, D]` and h `[B, H]`, or a ValueError."""
    shapes = list(shapes)
    if len(shapes) != 2 or not all(isinstance(shape, list | tuple) for shape in shapes):
        raise ValueError(
            f"{layer} is called on two inputs, [z0, h]: points and the output of an "
            f"encoder, but got inputs of shape {shapes}."
        )
    z_shape, h_shape = shapes
    if len(z_shape) < 2 or len(h_shape) != 2:
        raise ValueError(
            f"{layer} needs z0 of shape [..., B, D] and h of shape [B, H], but got "
            f"{tuple(z_shape)} and {tuple(h_shape)}."
        )
    if None not in (z_shape[-2], h_shape[0]) and z_shape[-2] != h_shape[0]:
        raise ValueError(
            f"{layer} takes parameters for each point of a batch from h, but z0 has "
            f"batch size {z_shape[-2]} (shape {tuple(z_shape)}) and h {h_shape[0]} "
            f"(shape {tuple(h_shape)}); samples of one data point go first: [S, B, D]."
        )
    return z_shape, h_shape
