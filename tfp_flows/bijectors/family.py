"""What a family of flow layers is: all that is built, trained and stored goes by it."""

import abc
import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics

# Layers of larger parameters lose all digits of float32, and of half precision overflow.
_MAX_SCALE = 1_000.0


@dataclasses.dataclass(frozen=True)
class Family(abc.ABC):
    """K flow layers of one kind, near the identity.

    Builders of flows, Keras layers, files and the command line are made of what a family
    says: where its parameters start, which also says their names and shapes, and which
    bijectors they make. Their axes and constraints are those that the stack's
    `parameter_properties` state, as in all of TFP: the axis of layers is the first of
    the `event_ndims` of a parameter.

    A new family is a dataclass with a `name`, the two classes of bijectors, and
    `initial_values`; further fields are what its users can choose. Nothing else is
    assumed of the parameters: they may be the weights of a network. Families of users'
    own work with `tff.distributions.build_flow`, `tff.layers.Shared` and `Amortized`.
    `tff.distributions.save` and the command line know those of the package alone: save
    the variables of others with `tf.train.Checkpoint`.

    #### Example

    ```python
    @dataclasses.dataclass(frozen=True)
    class PlanarFamily(Family):
        name = "planar"
        stack_class, layer_class = PlanarStack, Planar

        def initial_values(self, event_size, *, seed, dtype, batch_shape=()):
            ...                                    # u, w: [..., K, D], b: [..., K]

    family = PlanarFamily(num_layers=16)
    values = family.initial_values(2, seed=(0, 1), dtype=tf.float32)
    family.stack(values).forward(x)                # x: [..., 2] -> [..., 2]
    ```

    Attributes:
      num_layers: K, Python `int`.
      init_scale: how far from the identity the layers start; 0 is the identity.
      name: of the class, what files and the command line call the family.
      stack_class: of the class, the bijector of K layers.
      layer_class: of the class, the bijector of one layer, of the same parameter names.
      amortized_names: of the class, the parameters that amortised Keras layers take from
        an encoder; `None` is all, and others are weights of the layer.

    Raises:
      ValueError: if `num_layers` is no integer >= 1, or `init_scale` is no number from
        0 to 1000.
    """

    num_layers: int
    init_scale: float = 0.1

    name: ClassVar[str]
    stack_class: ClassVar[type[tfp.bijectors.Bijector]]
    layer_class: ClassVar[type[tfp.bijectors.Bijector]]
    amortized_names: ClassVar[tuple[str, ...] | None] = None

    def __post_init__(self) -> None:
        # Python's own numbers, as configurations in JSON hold them.
        num_layers = numerics.check_size("num_layers", self.num_layers)
        object.__setattr__(self, "num_layers", num_layers)
        init_scale = numerics.check_number(
            "init_scale", self.init_scale, least=0.0, most=_MAX_SCALE
        )
        object.__setattr__(self, "init_scale", init_scale)

    @abc.abstractmethod
    def initial_values(
        self,
        event_size: int,
        *,
        seed: tf.Tensor,
        dtype: tf.DType,
        batch_shape: Sequence[int] = (),
    ) -> dict[str, tf.Tensor]:
        """Parameters near the identity, over the mass of a standard normal.

        Args:
          event_size: D.
          seed: stateless seed, an integer `Tensor` of shape `[2]`.
          dtype: floating `tf.DType`.
          batch_shape: shape of a batch of independent flows.

        Returns:
          Dict of `Tensor`s, in the order of the stack's arguments.
        """

    @classmethod
    def options_of(cls, shapes: dict[str, tuple[int, ...]]) -> dict:
        """The choices, beside K, that led to parameters of one layer of these shapes."""
        del shapes
        return {}

    def stack(
        self, parameters: dict, *, validate_args: bool = False
    ) -> tfp.bijectors.Bijector:
        """The K layers as one bijector, live if the parameters are variables."""
        return self.stack_class(**parameters, validate_args=validate_args)

    def layer(
        self, k: int, parameters: dict, *, validate_args: bool = False
    ) -> tfp.bijectors.Bijector:
        """Layer k alone, of parameters without the axis of layers."""
        del k
        return self.layer_class(**parameters, validate_args=validate_args)

    @classmethod
    def layer_axes(cls) -> dict[str, int]:
        """Parameter name = index of the axis of layers, from the end."""
        properties = cls.stack_class.parameter_properties()
        return {name: -p.event_ndims for name, p in properties.items()}

    @classmethod
    def constraints(cls, dtype: tf.DType) -> dict[str, tfp.bijectors.Bijector]:
        """Name of a constrained parameter = bijector from all numbers to its values."""
        found = {}
        for name, properties in cls.stack_class.parameter_properties(dtype).items():
            constraint = properties.default_constraining_bijector_fn()
            if not isinstance(constraint, tfp.bijectors.Identity):
                found[name] = constraint
        return found

    @classmethod
    def unconstrained_names(cls) -> dict[str, str]:
        """Parameter name = name of what is trained in its place, in files and weights."""
        constrained = cls.constraints(tf.float32)
        return {
            name: f"{name}_unconstrained" if name in constrained else name
            for name in cls.stack_class.parameter_properties()
        }

    @classmethod
    def unconstrain(cls, parameters: dict) -> dict:
        """Parameters as any numbers, such as training and files hold them.

        Args:
          parameters: name = `Tensor`, `tf.Variable` or what `variable` returned.

        Returns:
          Dict in the same order, of `unconstrained_names` and `Tensor`s or `Variable`s.
        """
        names, result = cls.unconstrained_names(), {}
        for name, value in parameters.items():
            constraint = cls.constraints(value.dtype).get(name)
            if constraint is not None:
                if getattr(value, "bijector", None) == constraint:
                    value = value.pretransformed_input  # exact, unlike the inverse
                else:
                    value = constraint.inverse(tf.convert_to_tensor(value))
            result[names[name]] = value
        return result

    @classmethod
    def constrain(cls, values: dict) -> dict:
        """The inverse of `unconstrain`: name = `Tensor`, live if it is of a variable."""
        result = {}
        for name, unconstrained_name in cls.unconstrained_names().items():
            if unconstrained_name in values:
                value = values[unconstrained_name]
                constraint = cls.constraints(value.dtype).get(name)
                if constraint is not None and numerics.is_live(value):
                    value = tfp.util.DeferredTensor(value, constraint)
                elif constraint is not None:
                    value = constraint.forward(value)
                result[name] = value
        return result

    @classmethod
    def variable(cls, parameter: str, value: tf.Tensor, *, name: str) -> tf.Variable:
        """A trainable variable that starts at a value of a parameter.

        Args:
          parameter: name of the parameter.
          value: `Tensor`.
          name: of the variable.

        Returns:
          `tf.Variable`, or `tfp.util.TransformedVariable` under a constraint.
        """
        constraint = cls.constraints(value.dtype).get(parameter)
        if constraint is None:
            return tf.Variable(value, name=name)
        return tfp.util.TransformedVariable(value, constraint, name=name)
