"""What stacks of K layers share."""

import tensorflow as tf


def num_layers_of(bijector, **parameters):
    """The number of layers K that the parameters of a stack agree on.

    Args:
      bijector: name of the bijector, for the message.
      **parameters: name = (value, index of the layer axis).

    Returns:
      Python `int`.

    Raises:
      ValueError: if K is not static, is 0, or differs between parameters.
    """
    found = {}
    for name, (value, axis) in parameters.items():
        if value.shape.rank is None or value.shape.rank < -axis:
            expected = "[..., K, D]" if axis == -2 else "[..., K]"
            raise ValueError(
                f"{bijector} needs `{name}` of shape {expected}, but got shape "
                f"{value.shape}."
            )
        found[name] = tf.compat.dimension_value(value.shape[axis])
    if len(set(found.values())) > 1 or None in found.values() or 0 in found.values():
        raise ValueError(
            f"{bijector} needs one static number of layers K >= 1 in all parameters, "
            f"but got {', '.join(f'{name}: {k}' for name, k in found.items())}."
        )
    return next(iter(found.values()))
