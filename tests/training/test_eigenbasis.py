import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.training import eigenbasis
from tfp_flows.training.eigenbasis import MAX_PARAMETERS, EigenbasisAdam
from tfp_flows.training.gradient_moment import eigh_of_distinct

RATE = keras.optimizers.schedules.PolynomialDecay(0.1, 1_000, 0.01)


@pytest.mark.parametrize("updates_basis", [True, False])
@pytest.mark.parametrize("rate", [RATE, 0.1, lambda: tf.constant(0.1)])
def test_steps_are_those_of_a_plain_loop(monkeypatch, rate, updates_basis):
    monkeypatch.setattr(eigenbasis, "_PERIOD", 4)
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=[10, 3, 5]) @ rng.normal(size=[5, 5])
    a, b = (tf.Variable(tf.ones([3, *s], tf.float64)) for s in ([2, 2], []))
    optimizer = EigenbasisAdam(rate, batch_ndims=1, updates_basis=updates_basis)
    optimizer.build([a, b])
    step = tf.function(optimizer.apply_gradients, autograph=False)
    for number, gradient in enumerate(gradients, start=1):
        parts = [tf.reshape(gradient[:, :4], a.shape), tf.constant(gradient[:, 4])]
        step(list(zip(parts, [a, b], strict=True)))
        if not updates_basis and number % optimizer.period == 0:
            optimizer.update_basis()

    for member in range(3):
        rates = [float(rate(step)) if rate is RATE else 0.1 for step in range(10)]
        expected = _plain_loop(gradients[:, member], rates, period=4)
        actual = np.append(a[member].numpy().ravel(), b[member].numpy())
        # The rate is float32.
        np.testing.assert_allclose(actual, expected, rtol=1e-6)


def _plain_loop(gradients, rates, period):
    size = gradients.shape[1]
    x, mean, square = np.ones(size), np.zeros(size), np.zeros(size)
    moment, basis = np.zeros([size, size]), np.eye(size)
    for step, g in enumerate(gradients):
        mean = 0.95 * mean + 0.05 * g
        moment = 0.99 * moment + 0.01 * np.outer(g, g)
        square = 0.99 * square + 0.01 * (basis.T @ g) ** 2
        scale = np.sqrt(square / (1 - 0.99 ** (step + 1))) + 1e-7
        change = basis @ (basis.T @ mean / (1 - 0.95 ** (step + 1)) / scale)
        x = x - rates[step] * change
        if (step + 1) % period == 0:
            square, basis = np.linalg.eigh(moment)
            square = np.maximum(square, 0.0)
    return x


def test_arrives_in_a_narrow_valley_where_adam_does_not():
    rng = np.random.default_rng(1)
    rotation, _ = np.linalg.qr(rng.normal(size=[20, 20]))
    hessian = tf.constant((rotation * np.geomspace(1e-5, 1.0, 20)) @ rotation.T)
    losses = []
    for optimizer in (EigenbasisAdam(RATE), keras.optimizers.Adam(RATE)):
        x = tf.Variable(rotation @ np.ones(20))
        optimizer.build([x])
        step = tf.function(_step, autograph=False, jit_compile=True)
        for _ in range(1_000):
            step(optimizer, hessian, x)
        losses.append(float(tf.tensordot(x, tf.linalg.matvec(hessian, x), 1)))
    assert losses[0] < 0.1 * losses[1], losses


def _step(optimizer, hessian, x):
    optimizer.apply_gradients([(tf.linalg.matvec(hessian, x), x)])


def test_equal_flows_get_equal_bases():
    rng = np.random.default_rng(2)
    one, other = rng.normal(size=[2, 4, 6])
    matrices = np.stack([m @ m.T for m in (one, other, one, one, other)])
    values, vectors = eigh_of_distinct(tf.constant(matrices))
    for index, matrix in enumerate(matrices):
        np.testing.assert_allclose(values[index], np.linalg.eigvalsh(matrix), rtol=1e-9)
        rebuilt = (vectors[index].numpy() * values[index]) @ vectors[index].numpy().T
        np.testing.assert_allclose(rebuilt, matrix, atol=1e-12)
    np.testing.assert_array_equal(vectors[0], vectors[3])


def test_flow_whose_moment_is_not_finite_keeps_its_basis():
    x = tf.Variable([[1.0, 2.0], [1.0, 2.0]])
    optimizer = EigenbasisAdam(RATE, batch_ndims=1)
    optimizer.build([x])
    _, _, _, recent, _, basis = optimizer.variables
    gradients = np.random.default_rng(3).normal(size=recent.shape)
    gradients[0, 7] = 1e30
    recent.assign(gradients)
    optimizer.update_basis()
    np.testing.assert_array_equal(basis[0], np.eye(2))
    assert np.all(np.abs(basis[1]) < 1.0)


def test_variable_without_a_gradient_stays():
    a, b = tf.Variable([1.0, 2.0]), tf.Variable([3.0])
    optimizer = EigenbasisAdam(0.1)
    optimizer.build([a, b])
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply_gradients([(None, b), (tf.constant([1.0, 1.0]), a)])
    np.testing.assert_allclose(a, [0.9, 1.9], rtol=1e-5)
    np.testing.assert_array_equal(b, [3.0])


@pytest.mark.parametrize(
    ("variables", "error", "message"),
    [
        ([tf.zeros([MAX_PARAMETERS + 1])], ValueError, "at most 320 .* but got 321"),
        ([tf.zeros([3], tf.bfloat16)], TypeError, "bfloat16"),
        ([tf.zeros([1]), tf.zeros([1], tf.float64)], TypeError, "float32, float64"),
        ([tf.zeros([2, 3]), tf.zeros([4])], ValueError, r"batch_ndims=1.*\(2,\), \(4,\)"),
    ],
)
def test_what_it_cannot_hold_is_an_error(variables, error, message):
    optimizer = EigenbasisAdam(batch_ndims=int("batch" in message))
    with pytest.raises(error, match=message):
        optimizer.build([tf.Variable(v) for v in variables])


def test_memory_follows_the_number_of_parameters():
    optimizers = [EigenbasisAdam() for _ in range(4)]
    for optimizer, size in zip(optimizers, (20, 80, 160, 320), strict=True):
        optimizer.build([tf.Variable(tf.zeros([size]))])
    memories = [1.0 / (1.0 - optimizer._beta_2) for optimizer in optimizers]
    np.testing.assert_allclose(memories, [100, 100, 160, 320])
    assert [optimizer.period for optimizer in optimizers] == [50, 50, 200, 200]


X = np.random.default_rng(4).normal(size=[320, 3]).astype(np.float32)
Y = np.tanh(X @ np.array([[1.0], [-2.0], [0.5]], np.float32))


def _train(model, epochs):
    history = model.fit(X, Y, batch_size=32, epochs=epochs, shuffle=False, verbose=0)
    return history.history["loss"][-1]


def _model(**arguments):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(6, activation="tanh"), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile(EigenbasisAdam(**arguments), loss="mse", jit_compile=False)
    return model


@pytest.fixture(scope="module")
def plain_loss():
    """Of a model without further options."""
    return _train(_model(), 10)


@pytest.mark.slow
def test_saved_model_goes_on_bit_by_bit(tmp_path):
    model = _model(learning_rate=0.02, weight_decay=1e-3)
    _train(model, 7)  # past the first basis
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    for each in (model, loaded):
        _train(each, 7)
    for one, other in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        dict(weight_decay=1e-3),
        dict(clipnorm=0.1),
        dict(global_clipnorm=0.1),
        dict(clipvalue=0.1),
        dict(use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=5),
        dict(gradient_accumulation_steps=2),
        dict(loss_scale_factor=1024.0),
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_options_of_keras_train(arguments, plain_loss):
    loss = _train(_model(**arguments), 10)
    assert loss < 0.3 * np.var(Y)
    # Those that only scale are the same arithmetic but for powers of 2.
    assert (loss == plain_loss) == ("loss_scale_factor" in arguments)


def test_loss_scaling_of_mixed_precision():
    model = _model()
    model.compile(keras.optimizers.LossScaleOptimizer(model.optimizer), loss="mse")
    assert _train(model, 10) < 0.3 * np.var(Y)
