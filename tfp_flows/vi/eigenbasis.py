"""Adam in the eigenbasis of the second moment of the gradients."""

import numpy as np
import tensorflow as tf

from tfp_flows.vi.event import Event

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


class EigenbasisAdam(Event):
    """Adam on coordinates in which the gradients are uncorrelated.

    Adam scales each parameter by itself. Those of tanh layers are strongly correlated, as
    one layer can do what its neighbour does, so that the scaling does not help along the
    valleys. Here Adam works in the eigenbasis of the running mean of g g^T, the flattened
    gradients g of all parameters of one flow, as in SOAP ([1], algorithm 3), with two
    differences: the matrix is that of all parameters, not two Kronecker factors of each,
    as flows are small; and at each new basis the mean of the squares becomes the
    eigenvalues, its exact value there, instead of staying.

    It has the methods of a Keras optimizer that a fit calls, and is an `Event`, as the
    decompositions are made outside the compiled loop.

    #### References

    [1]: N. Vyas et al. SOAP: Improving and Stabilizing Shampoo using Adam. ICLR 2025.
         https://arxiv.org/abs/2409.11321
    """

    def __init__(self, learning_rate_fn, batch_ndims):
        """Takes the schedule, and how many leading axes of the variables are a batch's.

        Args:
          learning_rate_fn: `keras.optimizers.schedules.LearningRateSchedule`.
          batch_ndims: number of leading axes of every variable that are those of a batch
            of flows, each with a basis of its own.
        """
        self._learning_rate_fn, self._batch_ndims = learning_rate_fn, batch_ndims
        self.variables = []

    def build(self, variables):
        """Makes the slots, for P parameters of each flow.

        The mean and the square are `[..., P]`; the gradients since the last basis,
        `[..., period, P]`; their moment until then and the basis, `[..., P, P]`.
        """
        self._sizes = _sizes(variables, self._batch_ndims)
        batch_shape = variables[0].shape[: self._batch_ndims]
        size, dtype = sum(self._sizes), variables[0].dtype
        self._beta_2 = 1.0 - 1.0 / max(_LEAST_MEMORY, size)
        self._period = _PERIOD if size <= _FEW_PARAMETERS else _LONG_PERIOD
        zeros = tf.zeros([*batch_shape, size], dtype)
        self.variables = [
            tf.Variable(value, trainable=False)
            for value in (
                tf.constant(0),
                zeros,
                zeros,
                tf.zeros([*batch_shape, self._period, size], dtype),
                tf.zeros([*batch_shape, size, size], dtype),
                tf.eye(size, batch_shape=batch_shape, dtype=dtype),
            )
        ]
        self._step, self._mean, self._square, self._recent, *matrices = self.variables
        self._moment, self._basis = matrices

    def get_config(self):
        """What a checkpoint compares."""
        return dict(learning_rate=self._learning_rate_fn.get_config())

    def apply_gradients(self, gradients_and_variables):
        """One step.

        Args:
          gradients_and_variables: pairs, of the variables that it was built for.
        """
        gradients, variables = zip(*gradients_and_variables, strict=True)
        batch_shape = self._mean.shape[:-1]
        gradient = tf.concat(
            [
                tf.reshape(g, [*batch_shape, size])
                for g, size in zip(gradients, self._sizes, strict=True)
            ],
            axis=-1,
        )
        rate = tf.cast(self._learning_rate_fn(self._step), gradient.dtype)
        self._remember(gradient)
        step = tf.cast(self._step.assign_add(1), gradient.dtype)
        mean = self._mean.assign(_BETA_1 * self._mean + (1.0 - _BETA_1) * gradient)
        basis = tf.convert_to_tensor(self._basis)
        rotated = tf.stack([gradient, mean], axis=-2) @ basis
        gradient, mean = tf.unstack(rotated, axis=-2)
        square = self._beta_2 * self._square + (1.0 - self._beta_2) * tf.square(gradient)
        self._square.assign(square)
        deviation = tf.sqrt(square / (1.0 - self._beta_2**step)) + _EPSILON
        change = tf.linalg.matvec(basis, mean / (1.0 - _BETA_1**step) / deviation)
        parts = tf.split(rate * change, self._sizes, axis=-1)
        for variable, part in zip(variables, parts, strict=True):
            variable.assign_sub(tf.reshape(part, variable.shape))

    def steps_left(self, step):
        """How many steps may follow `step` before the next decomposition."""
        return self._period - step % self._period

    def update(self, state, variables):
        """Takes the eigenbasis, if it is time.

        Args:
          state: `TrainingState`.
          variables: not used.
        """
        del variables
        if state.step % self._period:
            return
        moment = self._moment_now()
        self._moment.assign(moment)
        # Squares of finite gradients that were not clipped may overflow.
        if not np.all(np.isfinite(moment)):
            return
        values, basis = _eigh_of_distinct(moment)
        self._basis.assign(basis)
        self._square.assign(tf.maximum(values, 0.0))

    def _remember(self, gradient):
        """Keeps the gradient for the moment: P numbers, where its square has P^2."""
        size = self._mean.shape[-1]
        recent = tf.reshape(self._recent, [-1, self._period, size])
        members = tf.range(recent.shape[0])
        places = tf.fill(members.shape, self._step % self._period)
        recent = tf.tensor_scatter_nd_update(
            recent, tf.stack([members, places], axis=-1), tf.reshape(gradient, [-1, size])
        )
        self._recent.assign(tf.reshape(recent, self._recent.shape))

    def _moment_now(self):
        """The running mean of g g^T with the gradients of the last period."""
        ages = np.arange(self._period)[::-1]
        shares = (1.0 - self._beta_2) * self._beta_2**ages
        scaled = self._recent * tf.constant(
            np.sqrt(shares)[:, np.newaxis], self._recent.dtype
        )
        outer = tf.linalg.matmul(scaled, scaled, transpose_a=True)
        return self._beta_2**self._period * self._moment + outer


def _eigh_of_distinct(matrices):
    """Eigenvalues and eigenvectors of `[..., P, P]`; of equal matrices, once."""
    size = matrices.shape[-1]
    flat = tf.reshape(matrices, [-1, size, size]).numpy()
    # Flows that were dropped in a tournament have become copies of others.
    keys = [matrix.tobytes() for matrix in flat]
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    firsts = [keys.index(key) for key in places]
    # By TensorFlow, as the threads of NumPy's library go on spinning after a call, and
    # take a core from the loop.
    values, vectors = tf.linalg.eigh(flat[firsts])
    index = [places[key] for key in keys]
    return (
        tf.reshape(tf.gather(values, index), matrices.shape[:-1]),
        tf.reshape(tf.gather(vectors, index), matrices.shape),
    )


def num_parameters(variables, batch_ndims):
    """P, how many parameters each flow of a batch has."""
    return sum(_sizes(variables, batch_ndims))


def _sizes(variables, batch_ndims):
    """How many numbers of each variable are one flow's."""
    return [v.shape[batch_ndims:].num_elements() for v in variables]
