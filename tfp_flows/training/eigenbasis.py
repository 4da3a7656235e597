"""Adam in the eigenbasis of the second moment of the gradients."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.training.gradient_moment import eigh_of_distinct, moment_after, remember
from tfp_flows.types import Variables

# With Adam's 0.9 and 0.999 the KL of 16 layers was an eighth (u3) to a third (u4) higher.
_BETA_1, _EPSILON = 0.95, 1e-7

# beta_2 is such that the moment is a mean over as many steps as there are parameters, as
# one over fewer has directions in which it saw no gradient; but over so many at least.
_LEAST_MEMORY = 100

# Steps between two decompositions. They cost 0.3 ms per flow at 80 parameters and 5 ms at
# 320, a step of eight flows 0.15 to 0.5 ms.
_PERIOD, _LONG_PERIOD, _FEW_PARAMETERS = 50, 200, 128

# The moment has the square of so many parameters, of each flow: with more, it would cost
# more than the step.
MAX_PARAMETERS = 320


@keras.saving.register_keras_serializable(package="tfp_flows")
class EigenbasisAdam(keras.optimizers.Optimizer):
    """Adam on coordinates in which the gradients are uncorrelated.

    Adam scales each parameter by itself. Those of tanh layers are strongly correlated, as
    one layer can do what its neighbour does, so that the scaling does not help along the
    valleys. Here Adam works in the eigenbasis of the running mean of g g^T, the flattened
    gradients g of all parameters of one flow, as in SOAP ([1], algorithm 3), with two
    differences: the matrix is that of all parameters, not two Kronecker factors of each,
    as flows are small; and at each new basis the mean of the squares becomes the
    eigenvalues, its exact value there, instead of staying.

    The bases follow one another by 50 steps, or 200 for more than 128 parameters. Adam's
    beta_1 is 0.95, and 1 / (1 - beta_2) the number of parameters, at least 100.

    It is made for models of few parameters, P <= 320, all of float32 or all of float64:
    it holds matrices of P^2 numbers, and decomposes them. XLA's decomposition is slow, so
    that a step with `jit_compile=True` gains nothing from XLA where P is large.

    #### Examples

    ```python
    model = tff.models.FlowModel(2, tff.layers.SharedPlanar(16, seed=0))
    model.compile(tff.optimizers.EigenbasisAdam(0.01))
    model.fit(x, epochs=20)
    ```

    #### References

    [1]: N. Vyas et al. SOAP: Improving and Stabilizing Shampoo using Adam. ICLR 2025.
         https://arxiv.org/abs/2409.11321
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.01,
        *,
        batch_ndims: int = 0,
        updates_basis: bool = True,
        name: str = "eigenbasis_adam",
        **kwargs: object,
    ) -> None:
        """Takes the learning rate, and how many leading axes are those of a batch.

        Args:
          learning_rate: about the length of a step along each coordinate; a `float`, a
            schedule, or a callable without arguments.
          batch_ndims: number of leading axes of every variable that are those of a batch
            of flows, each with a basis of its own.
          updates_basis: whether a step at the end of a period takes the new basis, too.
            If not, the caller is to call `update_basis` after each `period` steps, such
            as outside of a compiled loop.
          name: Python `str`.
          **kwargs: `weight_decay`, `clipnorm`, `use_ema` and what else
            `keras.optimizers.Optimizer` takes; they mean what they mean for `Adam`.
        """
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.batch_ndims, self.updates_basis = batch_ndims, updates_basis

    def build(self, variables: Variables) -> None:
        """Makes the slots, for P parameters of each flow.

        The mean and the square are `[..., P]`; the gradients since the last basis,
        `[..., period, P]`; their moment until then and the basis, `[..., P, P]`.

        Args:
          variables: list of variables, of shapes `[..., any]`, `...` the batch's.

        Raises:
          TypeError: if the variables are not all of float32 or all of float64.
          ValueError: if they have more than 320 parameters, or not the same batch axes.
        """
        if self.built:
            return
        batch_shape, dtype = _check_variables(variables, self.batch_ndims)
        super().build(variables)
        self._sizes = _sizes(variables, self.batch_ndims)
        size = sum(self._sizes)
        self._beta_2 = 1.0 - 1.0 / max(_LEAST_MEMORY, size)
        self._period = _PERIOD if size <= _FEW_PARAMETERS else _LONG_PERIOD
        shapes = dict(
            mean=[size],
            square=[size],
            recent=[self._period, size],
            moment=[size, size],
            basis=[size, size],
        )
        initializers = dict(basis=_eye)
        self._slots = [
            self.add_variable(
                [*batch_shape, *shape], initializers.get(name, "zeros"), dtype, name=name
            )
            for name, shape in shapes.items()
        ]

    @property
    def period(self) -> int:
        """Steps between two bases; known once the optimizer is built."""
        return self._period

    def update_basis(self) -> None:
        """Takes the eigenbasis of the gradients so far; eagerly, after `period` steps."""
        self._take_basis([slot.value for slot in self._slots], eigh_of_distinct)

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        config = super().get_config()
        return config | dict(
            batch_ndims=self.batch_ndims, updates_basis=self.updates_basis
        )

    def _distributed_tf_update_step(
        self,
        distribution: tf.distribute.Strategy,
        grads_and_vars: list[tuple[tf.Tensor, tf.Variable]],
        learning_rate: tf.Tensor | keras.Variable,
    ) -> None:
        """Updates all variables at once, where Keras goes from one to the next."""
        gradients, variables = zip(*grads_and_vars, strict=True)
        indices = [self._get_variable_index(variable) for variable in variables]
        slots = [slot.value for slot in self._slots]

        def update(
            _: tf.Variable,
            slots: list[tf.Variable],
            gradients: list[tf.Tensor],
            variables: list[tf.Variable],
            rate: tf.Tensor | keras.Variable,
        ) -> None:
            changes = self._changes(slots, dict(zip(indices, gradients, strict=True)))
            for index, variable in zip(indices, variables, strict=True):
                change = tf.cast(rate, changes[index].dtype) * changes[index]
                variable.assign_sub(tf.reshape(change, variable.shape))

        distribution.extended.update(
            slots[0], update, (slots, gradients, variables, learning_rate), group=False
        )

    def _changes(
        self, slots: list[tf.Variable], gradients: dict[int, tf.Tensor]
    ) -> list[tf.Tensor]:
        """The change of every variable at rate 1; those without gradients count as 0."""
        mean, square, recent, _, basis = slots
        batch_shape, dtype = mean.shape[:-1], mean.dtype
        parts = [
            tf.reshape(gradients[index], [*batch_shape, size])
            if index in gradients
            else tf.zeros([*batch_shape, size], dtype)
            for index, size in enumerate(self._sizes)
        ]
        gradient = tf.concat(parts, axis=-1)
        step = tf.cast(self.iterations, tf.int32)
        remember(recent, gradient, step % self._period)
        age = tf.cast(step + 1, dtype)
        new_mean = mean.assign(_BETA_1 * mean + (1.0 - _BETA_1) * gradient)
        axes = tf.convert_to_tensor(basis)
        rotated = tf.stack([gradient, new_mean], axis=-2) @ axes
        gradient, new_mean = tf.unstack(rotated, axis=-2)
        new_square = self._beta_2 * square + (1.0 - self._beta_2) * tf.square(gradient)
        square.assign(new_square)
        deviation = tf.sqrt(new_square / (1.0 - self._beta_2**age)) + _EPSILON
        change = tf.linalg.matvec(axes, new_mean / (1.0 - _BETA_1**age) / deviation)
        if self.updates_basis:
            tf.cond(
                tf.equal((step + 1) % self._period, 0),
                lambda: self._take_basis(slots, tf.linalg.eigh),
                lambda: None,
            )
        return tf.split(change, self._sizes, axis=-1)

    def _take_basis(
        self,
        slots: list[tf.Variable],
        eigh: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
    ) -> None:
        """Assigns the eigenbasis of each flow's moment, with eigenvalues as squares."""
        _, square, recent, moment, basis = slots
        new_moment = moment_after(moment, recent, self._beta_2)
        # Squares of finite gradients that were not clipped may overflow: such a flow goes
        # on with the moment, and so with the basis, that it had.
        is_good = tf.reduce_all(tf.math.is_finite(new_moment), [-2, -1], keepdims=True)
        new_moment = tf.where(is_good, new_moment, moment)
        values, vectors = eigh(new_moment)
        moment.assign(new_moment)
        basis.assign(vectors)
        square.assign(tf.maximum(values, 0.0))


def num_parameters(variables: Variables, batch_ndims: int) -> int:
    """P, how many parameters each flow of a batch has."""
    return sum(_sizes(variables, batch_ndims))


def _sizes(variables: Variables, batch_ndims: int) -> tuple[int, ...]:
    """How many numbers of each variable are one flow's."""
    return tuple(int(np.prod(v.shape[batch_ndims:])) for v in variables)


def _check_variables(
    variables: Variables, batch_ndims: int
) -> tuple[tuple[int, ...], str]:
    """The batch shape and the dtype that the variables share; raises if they do not."""
    dtypes = {tf.as_dtype(variable.dtype).name for variable in variables}
    # Matrices of other or of mixed dtypes have no decomposition.
    if dtypes not in ({"float32"}, {"float64"}):
        raise TypeError(
            "EigenbasisAdam needs variables that are all float32 or all float64, but got "
            f"{', '.join(sorted(dtypes))}; use keras.optimizers.Adam."
        )
    batch_shapes = {tuple(variable.shape[:batch_ndims]) for variable in variables}
    if len(batch_shapes) > 1:
        raise ValueError(
            f"With batch_ndims={batch_ndims}, the first axes of all variables must be "
            f"those of one batch, but got {', '.join(map(str, sorted(batch_shapes)))}."
        )
    size = num_parameters(variables, batch_ndims)
    if size > MAX_PARAMETERS:
        raise ValueError(
            f"EigenbasisAdam is for at most {MAX_PARAMETERS} parameters, but got {size}: "
            "it would decompose matrices of their square; use keras.optimizers.Adam."
        )
    return batch_shapes.pop(), dtypes.pop()


def _eye(shape: Sequence[int], dtype: str) -> tf.Tensor:
    return tf.eye(shape[-1], batch_shape=shape[:-2], dtype=dtype)
