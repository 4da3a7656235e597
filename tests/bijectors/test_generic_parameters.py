"""What holds of every bijector's parameters: live variables, properties, checks."""

import copy
import inspect
import pickle

import keras
import numpy as np
import pytest
import registry
import tensorflow as tf
import tensorflow_probability as tfp

X = np.array([[0.3, -1.2], [2.0, 0.1]])
METHODS = [
    "forward",
    "forward_log_det_jacobian",
    "inverse",
    "inverse_log_det_jacobian",
]
# Forms of a class differ in their maps, not in how parameters are held and checked.
one_per_class = pytest.mark.parametrize(
    "entry", registry.one_per_class(), ids=lambda entry: entry.name
)
WITH_ALPHA = [entry for entry in registry.ENTRIES if "alpha" in entry.event_ndims]


def outputs(bijector):
    """All four maps at X, past TFP's cache."""
    return [getattr(bijector, m)(tf.constant(X, bijector.dtype)) for m in METHODS]


def with_variables(entry, rng, **kwargs):
    values = entry.draw(rng, 1.0, (), 2)
    variables = {name: tf.Variable(value) for name, value in values.items()}
    return variables, entry.build(**variables, **kwargs)


@one_per_class
def test_variables_are_tracked_and_live(entry, rng):
    variables, bijector = with_variables(entry, rng)
    assert len(bijector.trainable_variables) == len(variables)
    tracked = {variable.ref() for variable in bijector.trainable_variables}
    assert tracked == {variable.ref() for variable in variables.values()}
    before = outputs(bijector)
    for name, variable in variables.items():
        assert getattr(bijector, name) is variable
        variable.assign_add(0.1 * tf.ones_like(variable))
        after = outputs(bijector)
        for old, new in zip(before, after, strict=True):
            assert np.max(np.abs(old - new)) > 1e-6, name
        before = after


@one_per_class
def test_every_variable_has_gradients(entry, rng):
    variables, bijector = with_variables(entry, rng)
    with tf.GradientTape(persistent=True) as tape:
        targets = outputs(bijector)
    for target in targets:
        for name, variable in variables.items():
            gradient = tape.gradient(target, variable)
            assert gradient is not None, name
            assert np.all(np.isfinite(gradient)), name
            assert np.any(np.abs(gradient) > 0.0), name


@pytest.mark.slow
@one_per_class
def test_transformed_variables_stay_live(entry, rng):
    values = entry.draw(rng, 1.0, (), 2)
    held = {
        name: tfp.util.TransformedVariable(np.abs(value), tfp.bijectors.Softplus())
        for name, value in values.items()
    }
    bijector = entry.build(**held)
    with tf.GradientTape() as tape:
        before = outputs(bijector)
    gradients = tape.gradient(before, bijector.trainable_variables)
    assert len(gradients) == len(values)
    assert all(np.all(np.isfinite(gradient)) for gradient in gradients)
    for parameter in held.values():
        parameter.assign(2.0 * parameter)
    assert np.max(np.abs(before[0] - outputs(bijector)[0])) > 1e-6


def test_parameter_properties_name_the_constructor_arguments(entry, rng):
    properties = entry.bijector_class.parameter_properties(dtype=tf.float64)
    signature = inspect.signature(entry.bijector_class.__init__).parameters
    tensors = [name for name in signature if name not in entry.options]
    assert tensors == ["self", *properties, "validate_args", "name"]
    for name, event_ndims in entry.event_ndims.items():
        assert properties[name].event_ndims == event_ndims
    _, bijector = entry.make(rng, validate_args=True)
    for name, prop in properties.items():
        constrained = prop.default_constraining_bijector_fn().forward(
            tf.constant([-50.0, 0.0, 50.0], tf.float64)
        )
        if name == "alpha":
            assert np.all(constrained > 0.0)
        else:
            np.testing.assert_array_equal(constrained, [-50.0, 0.0, 50.0])
        assert name in bijector.parameters
        # What a form leaves out is optional.
        assert name in entry.event_ndims or signature[name].default is None


@pytest.mark.parametrize("entry", registry.singles(), ids=lambda entry: entry.name)
@pytest.mark.parametrize("batch_shape", [(), (4,)], ids=str)
def test_make_trainable(entry, batch_shape):
    absent = set(entry.bijector_class.parameter_properties()) - set(entry.event_ndims)
    bijector = tfp.experimental.util.make_trainable(
        entry.bijector_class,
        batch_and_event_shape=(*batch_shape, 2),
        parameter_dtype=tf.float64,
        validate_args=True,
        **entry.options,
        **dict.fromkeys(absent),
    )
    assert bijector.experimental_batch_shape() == batch_shape
    for name, event_ndims in entry.event_ndims.items():
        parameter = tf.convert_to_tensor(getattr(bijector, name))
        assert parameter.shape == (*batch_shape, *[2] * event_ndims)
    assert len(bijector.trainable_variables) == len(entry.event_ndims)
    y = bijector.forward(np.zeros((5, *batch_shape, 2)))
    assert y.shape == (5, *batch_shape, 2)


@pytest.mark.parametrize("entry", registry.stacks(), ids=lambda entry: entry.name)
def test_make_trainable_of_a_stack_refuses(entry):
    # It has no way to say how many layers.
    with pytest.raises((NotImplementedError, ValueError)):
        tfp.experimental.util.make_trainable(
            entry.bijector_class, batch_and_event_shape=(2,)
        )


@one_per_class
def test_copy_overrides_a_parameter(entry, rng):
    parameters, bijector = entry.make(rng)
    name = next(iter(parameters))
    other = bijector.copy(**{name: parameters[name] + 1.0})
    assert type(other) is entry.bijector_class
    np.testing.assert_array_equal(getattr(other, name), parameters[name] + 1.0)
    assert np.max(np.abs(outputs(other)[0] - outputs(bijector)[0])) > 1e-6


@one_per_class
def test_deep_copies_and_pickles_have_variables_of_their_own(entry, rng):
    _, bijector = with_variables(entry, rng)
    for copied in (copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))):
        before = outputs(bijector)  # and caches are full
        twin = copied(bijector)
        assert type(twin) is entry.bijector_class
        for variable in bijector.trainable_variables:
            variable.assign_add(0.1 * tf.ones_like(variable))
        for ours, theirs in zip(outputs(twin), before, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_validate_args_finds_constants_that_are_not_finite(entry, bad, rng):
    values = entry.draw(rng, 1.0, (), 2)
    for name, value in values.items():
        poisoned = value.copy() if value.ndim else np.array(value)
        poisoned[(-1,) * poisoned.ndim] = bad
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"`{name}`"):
            entry.build(**{**values, name: poisoned}, validate_args=True)
        assert entry.build(**{**values, name: poisoned}) is not None


@one_per_class
def test_validate_args_finds_variables_that_become_bad(entry, rng):
    variables, bijector = with_variables(entry, rng, validate_args=True)
    compiled = tf.function(lambda: bijector.forward(X))
    compiled()
    bad_values = {name: [np.nan] for name in variables}
    if "alpha" in variables:
        bad_values["alpha"] += [0.0, -1.0]
    for name, variable in variables.items():
        good = variable.numpy()
        for bad in bad_values[name]:
            variable.assign(np.full_like(good, bad))
            for method in METHODS:
                with pytest.raises(tf.errors.InvalidArgumentError, match=f"`{name}`"):
                    getattr(bijector, method)(tf.constant(X))
            with pytest.raises(tf.errors.InvalidArgumentError, match=f"`{name}`"):
                compiled()
        variable.assign(good)
    assert np.all(np.isfinite(compiled()))


@one_per_class
def test_validate_args_works_in_graphs_with_constants(entry, rng):
    # tf.group of eager checks is None, which a graph cannot depend on.
    _, bijector = entry.make(rng, validate_args=True)
    compiled = tf.function(lambda: bijector.forward(X))
    np.testing.assert_allclose(compiled(), bijector.forward(X), rtol=1e-10)


@pytest.mark.parametrize("entry", WITH_ALPHA, ids=lambda entry: entry.name)
@pytest.mark.parametrize("alpha", [0.0, -1.0])
def test_validate_args_finds_alpha_that_is_not_positive(entry, alpha, rng):
    values = entry.draw(rng, 1.0, (), 2)
    values["alpha"] = np.full_like(values["alpha"], alpha)
    with pytest.raises(tf.errors.InvalidArgumentError, match="`alpha` must be positive"):
        entry.build(**values, validate_args=True)


def test_parameters_of_two_dtypes_are_refused(entry, rng):
    values = entry.draw(rng, 1.0, (), 2)
    for name, value in values.items():
        mixed = {**values, name: tf.constant(value, tf.float32)}
        with pytest.raises(TypeError, match=f"{name}: float32") as caught:
            entry.build(**mixed)
        assert "float64" in str(caught.value)


def test_integer_parameters_are_refused(entry, rng):
    values = entry.draw(rng, 1.0, (), 2)
    integers = {name: tf.ones(value.shape, tf.int32) for name, value in values.items()}
    with pytest.raises(TypeError, match="int32"):
        entry.build(**integers)


def test_keras_variables_are_refused(entry, rng):
    values = entry.draw(rng, 1.0, (), 2)
    for name, value in values.items():
        held = keras.Variable(value, dtype="float64")
        with pytest.raises(TypeError, match=rf"{name}\.value"):
            entry.build(**{**values, name: held})
        live = entry.build(**{**values, name: held.value})
        assert len(live.trainable_variables) == 1


@pytest.mark.parametrize("method", METHODS)
def test_points_of_another_event_size_are_refused(entry, method, rng):
    _, bijector = entry.make(rng, event_size=2)
    for size in (1, 3):
        with pytest.raises(ValueError, match=f"event size {size}") as caught:
            getattr(bijector, method)(np.zeros((5, size)))
        assert "event size 2" in str(caught.value)
        assert entry.bijector_class.__name__ in str(caught.value)
    # Size-1 parameters would otherwise broadcast against any points.
    _, bijector = entry.make(rng, event_size=1)
    with pytest.raises(ValueError, match="event size 3") as caught:
        getattr(bijector, method)(np.zeros((5, 3)))
    assert "event size 1" in str(caught.value)


@pytest.mark.parametrize("method", METHODS)
def test_scalar_points_are_refused(entry, method, rng):
    _, bijector = entry.make(rng)
    with pytest.raises(ValueError, match=r"scalar|rank at least 1"):
        getattr(bijector, method)(0.5)


@pytest.mark.parametrize("method", METHODS)
def test_points_of_another_dtype_are_refused(entry, method, rng):
    _, bijector = entry.make(rng)
    with pytest.raises((TypeError, ValueError), match="float64"):
        getattr(bijector, method)(tf.zeros([5, 2], tf.float32))
