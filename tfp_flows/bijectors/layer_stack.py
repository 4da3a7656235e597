"""What PlanarStack and RadialStack share: one pass that gives value and log-det."""

import tensorflow as tf
import tensorflow_probability as tfp


class LayerStack(tfp.bijectors.AutoCompositeTensorBijector):
    """Base of bijectors that compute `forward` and its log-det-Jacobian in one pass.

    Subclasses define `_forward_and_log_det`.
    """

    def _forward_and_log_det(self, x):
        """The image of `x`, `[..., D]`, and the log-det-Jacobian, `[...]`."""
        raise NotImplementedError

    def _forward(self, x):
        y, log_det = self._forward_and_log_det(x)
        # The log-det travels with the output, so that the two calls that
        # TransformedDistribution makes cost one pass; XLA does not merge two loops.
        # TFP's cache returns this very object for the same `x`.
        y.tfp_flows_log_det = log_det
        return y

    def _forward_log_det_jacobian(self, x):
        if tf.executing_eagerly():
            # TFP's cache outlives assignments and tapes, which a graph does not.
            return self._forward_and_log_det(x)[1]
        y = self.forward(x)
        if hasattr(y, "tfp_flows_log_det"):
            return y.tfp_flows_log_det
        return self._forward_and_log_det(x)[1]


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
