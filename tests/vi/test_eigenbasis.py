import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.vi import eigenbasis
from tfp_flows.vi.eigenbasis import MAX_PARAMETERS, EigenbasisAdam
from tfp_flows.vi.recipe import optimizer_for
from tfp_flows.vi.training_state import TrainingState

RATE = keras.optimizers.schedules.PolynomialDecay(0.1, 1_000, 0.01)


def test_steps_are_those_of_a_plain_loop(monkeypatch):
    monkeypatch.setattr(eigenbasis, "_PERIOD", 4)
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=[10, 3, 5]) @ rng.normal(size=[5, 5])
    a, b = (tf.Variable(tf.ones([3, *s], tf.float64)) for s in ([2, 2], []))
    optimizer = EigenbasisAdam(RATE, batch_ndims=1)
    optimizer.build([a, b])
    for step, gradient in enumerate(gradients):
        parts = [tf.reshape(gradient[:, :4], a.shape), tf.constant(gradient[:, 4])]
        optimizer.apply_gradients(zip(parts, [a, b], strict=True))
        optimizer.update(_at(step + 1), [a, b])

    for member in range(3):
        expected = _plain_loop(gradients[:, member], period=4)
        actual = np.append(a[member].numpy().ravel(), b[member].numpy())
        # The schedule is float32.
        np.testing.assert_allclose(actual, expected, rtol=1e-6)


def _plain_loop(gradients, period):
    size = gradients.shape[1]
    x, mean, square = np.ones(size), np.zeros(size), np.zeros(size)
    moment, basis = np.zeros([size, size]), np.eye(size)
    for step, g in enumerate(gradients):
        mean = 0.95 * mean + 0.05 * g
        moment = 0.99 * moment + 0.01 * np.outer(g, g)
        square = 0.99 * square + 0.01 * (basis.T @ g) ** 2
        scale = np.sqrt(square / (1 - 0.99 ** (step + 1))) + 1e-7
        change = basis @ (basis.T @ mean / (1 - 0.95 ** (step + 1)) / scale)
        x = x - float(RATE(step)) * change
        if (step + 1) % period == 0:
            square, basis = np.linalg.eigh(moment)
            square = np.maximum(square, 0.0)
    return x


def _at(step):
    variable = tf.Variable([0.0])
    state = TrainingState.initial([variable], tf.TensorShape([]), tf.float32)
    state.step = step
    return state


def test_arrives_in_a_narrow_valley_where_adam_does_not():
    rng = np.random.default_rng(1)
    rotation, _ = np.linalg.qr(rng.normal(size=[20, 20]))
    hessian = tf.constant((rotation * np.geomspace(1e-5, 1.0, 20)) @ rotation.T)
    losses = []
    for optimizer in (EigenbasisAdam(RATE, 0), keras.optimizers.Adam(RATE)):
        x = tf.Variable(rotation @ np.ones(20))
        optimizer.build([x])
        step = tf.function(_step, autograph=False)
        for number in range(1, 1_001):
            step(optimizer, hessian, x)
            if isinstance(optimizer, EigenbasisAdam) and number % 50 == 0:
                optimizer.update(_at(number), [x])
        losses.append(float(tf.tensordot(x, tf.linalg.matvec(hessian, x), 1)))
    assert losses[0] < 0.1 * losses[1], losses


def _step(optimizer, hessian, x):
    optimizer.apply_gradients([(tf.linalg.matvec(hessian, x), x)])


def test_equal_flows_get_equal_bases():
    rng = np.random.default_rng(2)
    one, other = rng.normal(size=[2, 4, 6])
    matrices = np.stack([m @ m.T for m in (one, other, one, one, other)])
    values, vectors = eigenbasis._eigh_of_distinct(tf.constant(matrices))
    for index, matrix in enumerate(matrices):
        np.testing.assert_allclose(values[index], np.linalg.eigvalsh(matrix), rtol=1e-9)
        rebuilt = (vectors[index].numpy() * values[index]) @ vectors[index].numpy().T
        np.testing.assert_allclose(rebuilt, matrix, atol=1e-12)
    np.testing.assert_array_equal(vectors[0], vectors[3])


def test_moment_that_is_not_finite_keeps_the_basis():
    x = tf.Variable([1.0, 2.0])
    optimizer = EigenbasisAdam(RATE, 0)
    optimizer.build([x])
    optimizer.variables[4].assign([[np.inf, 0.0], [0.0, 1.0]])
    optimizer.update(_at(eigenbasis._PERIOD), [x])
    np.testing.assert_array_equal(optimizer.variables[5], np.eye(2))


@pytest.mark.parametrize(
    ("variables", "is_eigenbasis"),
    [
        ([tf.Variable(tf.zeros([MAX_PARAMETERS]))], True),
        ([tf.Variable(tf.zeros([MAX_PARAMETERS + 1]))], False),
        ([tf.Variable(tf.zeros([3], tf.bfloat16))], False),
        ([tf.Variable([1.0]), tf.Variable([1.0], dtype=tf.float64)], False),
    ],
)
def test_default_is_chosen_by_number_and_dtype_of_the_parameters(
    variables, is_eigenbasis
):
    optimizer = optimizer_for(variables, 0, 100)
    assert isinstance(optimizer, EigenbasisAdam) == is_eigenbasis


def test_rate_and_memory_follow_the_number_of_parameters():
    rates, memories = [], []
    for size in (20, 80, 160, 320):
        variables = [tf.Variable(tf.zeros([size]))]
        optimizer = optimizer_for(variables, 0, 100)
        optimizer.build(variables)
        rates.append(optimizer.get_config()["learning_rate"]["warmup_target"])
        memories.append(1.0 / (1.0 - optimizer._beta_2))
    # From 80 on, the length of a step, rate * sqrt(P), is constant.
    np.testing.assert_allclose(rates, [0.04, 0.04, 0.04 / 2**0.5, 0.02])
    np.testing.assert_allclose(memories, [100, 100, 160, 320])
