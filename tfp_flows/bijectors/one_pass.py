"""What all bijectors share: parameters, and one pass for value and log-det."""

from collections.abc import Callable
from typing import ClassVar

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.bijectors.live import Live


def parameter(name: str, doc: str) -> property:
    """A property of a bijector: one of the `tensors` that it was built with."""
    return property(lambda self: getattr(self, f"_{name}"), doc=doc)


class OnePass(Live, tfp.bijectors.AutoCompositeTensorBijector):
    """Base of bijectors that compute a map and its log-det-Jacobian in one pass.

    Subclasses define `_forward_and_log_det` and `_inverse_and_log_det`. The log-det of
    the inverse is that of the numbers it solves for: where a map expands, those of the
    point, which has been rounded, may be far from them.
    """

    _OPTIONAL: ClassVar[tuple[str, ...]] = ()  # names of tensors that may be None

    def __init__(
        self, tensors: dict, *, parameters: dict, validate_args: bool, name: str
    ) -> None:
        """Keeps `tensors`, those that are variables live, for each `parameter`.

        Args:
          tensors: name = what `tf.convert_to_tensor` takes, `tf.Variable`, or `None`.
          parameters: as of `tfb.Bijector`: the arguments of the subclass.
          validate_args: as of `tfb.Bijector`.
          name: as of `tfb.Bijector`.

        Raises:
          TypeError: if the tensors differ in dtype or are not floating-point, one is
            missing, or `validate_args` is no `bool`.
          ValueError: if their shapes do not fit.
        """
        validate_args = numerics.check_flag("validate_args", validate_args)
        given = {key: value for key, value in tensors.items() if value is not None}
        missing = tensors.keys() - given.keys() - set(self._OPTIONAL)
        if missing:
            raise TypeError(f"`{min(missing)}` must be a tensor, but got None.")
        with tf.name_scope(name) as name:
            dtype = numerics.common_dtype(**given)
            for key, value in given.items():
                given[key] = numerics.as_parameter(value, dtype, key)
            for key in tensors:
                setattr(self, f"_{key}", given.get(key))
            self._check_shapes()
            properties = type(self).parameter_properties(dtype)
            event_ndims = {key: properties[key].event_ndims for key in given}
            numerics.check_batches(type(self).__name__, event_ndims, **given)
            super().__init__(
                forward_min_event_ndims=1,
                validate_args=validate_args,
                parameters=parameters,
                dtype=dtype,
                name=name,
            )

    def _check_shapes(self) -> None:
        """Raises ValueError unless the shapes of the parameters fit, where known."""

    def forward_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
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

    def _forward_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The image of `x`, `[..., D]`, and the log-det-Jacobian at `x`, `[...]`."""
        raise NotImplementedError

    def _inverse_and_log_det(self, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The point `x` whose image is `y`, and the *forward* log-det-Jacobian there."""
        raise NotImplementedError

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        return self._attach(*self._forward_and_log_det(x))

    def _inverse(self, y: tf.Tensor) -> tf.Tensor:
        return self._attach(*self._inverse_and_log_det(y))

    def _attach(self, result: tf.Tensor, log_det: tf.Tensor) -> tf.Tensor:
        # The log-det travels with the result, so that the two calls that
        # TransformedDistribution makes cost one pass; XLA does not merge two loops.
        # In a trace, TFP's cache returns this very object for the same argument. A chain
        # may hand it to another bijector, hence the name of the owner.
        result.tfp_flows_log_det = (self, log_det)
        return result

    def _forward_log_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        # By TFP's cache, which calls `_forward` unless it has the image.
        return self._log_det(x, self._cache.forward(x), self._forward_and_log_det)

    def _inverse_log_det_jacobian(self, y: tf.Tensor) -> tf.Tensor:
        return -self._log_det(y, self._cache.inverse(y), self._inverse_and_log_det)

    def _log_det(
        self, point: tf.Tensor, image: tf.Tensor, compute: Callable
    ) -> tf.Tensor:
        # The point has it if it is the image of the image.
        for tensor in (point, image):
            owner, log_det = getattr(tensor, "tfp_flows_log_det", (None, None))
            if owner is self:
                return log_det
        return compute(point)[1]

    def _tensors(self) -> dict:
        """Name = value of the parameters that are given."""
        named = {key: getattr(self, key) for key in self.parameter_properties()}
        return {key: value for key, value in named.items() if value is not None}

    def _parameter_control_dependencies(self, is_init: bool) -> list:
        if not self.validate_args:
            return []
        return numerics.check_finite(is_init, type(self).__name__, **self._tensors())
