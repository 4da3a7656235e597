"""What stacks and Sylvester layers share: one pass that gives value and log-det."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.live import Live


class LayerStack(Live, tfp.bijectors.AutoCompositeTensorBijector):
    """Base of bijectors that compute a map and its log-det-Jacobian in one pass.

    Subclasses define `_forward_and_log_det` and `_inverse_and_log_det`.
    """

    def forward_and_log_det(self, x):
        """The image of `x` and the log-det-Jacobian there, in one pass.

        In `tf.function`s, `forward` and `forward_log_det_jacobian` of one tensor are one
        pass too; in eager mode they are two.

        Args:
          x: `Tensor` of shape `[..., D]`.

        Returns:
          A pair of `Tensor`s, of shapes `[..., D]` and `[...]`.
        """
        with tf.name_scope(f"{self.name}/forward_and_log_det"):
            checks = self._parameter_control_dependencies(is_init=False)
            with tf.control_dependencies(checks):
                x = tf.convert_to_tensor(x, dtype=self.dtype)
                return self._forward_and_log_det(x)

    def _forward_and_log_det(self, x):
        """The image of `x`, `[..., D]`, and the log-det-Jacobian at `x`, `[...]`."""
        raise NotImplementedError

    def _inverse_and_log_det(self, y):
        """The point `x` whose image is `y`, and the *forward* log-det-Jacobian there."""
        raise NotImplementedError

    def _forward(self, x):
        return self._attach(*self._forward_and_log_det(x))

    def _inverse(self, y):
        return self._attach(*self._inverse_and_log_det(y))

    def _attach(self, result, log_det):
        # The log-det travels with the result, so that the two calls that
        # TransformedDistribution makes cost one pass; XLA does not merge two loops.
        # TFP's cache returns this very object for the same argument. A chain may hand
        # it to another bijector, hence the name of the owner.
        result.tfp_flows_log_det = (self, log_det)
        return result

    def _forward_log_det_jacobian(self, x):
        if not tf.executing_eagerly():
            # In eager mode TFP's cache outlives assignments and tapes.
            for tensor in (x, self.forward(x)):
                owner, log_det = getattr(tensor, "tfp_flows_log_det", (None, None))
                if owner is self:
                    return log_det
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
