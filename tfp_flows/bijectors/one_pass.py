"""What all bijectors share: one pass that gives value and log-det."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.live import Live


class OnePass(Live, tfp.bijectors.AutoCompositeTensorBijector):
    """Base of bijectors that compute a map and its log-det-Jacobian in one pass.

    Subclasses define `_forward_and_log_det` and `_inverse_and_log_det`. The log-det of
    the inverse is that of the numbers it solves for: where a map expands, those of the
    point, which has been rounded, may be far from them.
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
        # In a trace, TFP's cache returns this very object for the same argument. A chain
        # may hand it to another bijector, hence the name of the owner.
        result.tfp_flows_log_det = (self, log_det)
        return result

    def _forward_log_det_jacobian(self, x):
        # By TFP's cache, which calls `_forward` unless it has the image.
        return self._log_det(x, self._cache.forward(x), self._forward_and_log_det)

    def _inverse_log_det_jacobian(self, y):
        return -self._log_det(y, self._cache.inverse(y), self._inverse_and_log_det)

    def _log_det(self, point, image, compute):
        # The point has it if it is the image of the image.
        for tensor in (point, image):
            owner, log_det = getattr(tensor, "tfp_flows_log_det", (None, None))
            if owner is self:
                return log_det
        return compute(point)[1]
