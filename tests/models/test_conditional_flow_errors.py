"""Bad data and arguments of ConditionalFlow, and what it says."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.layers import AmortizedPlanar, AmortizedRadial, SharedPlanar
from tfp_flows.models import ConditionalFlow


def build(layers=None, event_size=2, **kwargs):
    layers = AmortizedRadial(1, seed=0) if layers is None else layers
    return ConditionalFlow(event_size, [3], layers, seed=1, **kwargs)


def dataset(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays).batch(20)


X = np.zeros([6, 3], np.float32)
Y = np.zeros([6, 2], np.float32)
NAN = np.where(np.arange(6)[:, np.newaxis] == 4, np.nan, Y).astype("float32")


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ((X[:, :2], Y), ValueError, r"needs x of shape \[N, 3\], but got shape \(6, 2\)"),
        ((X, Y[:, :1]), ValueError, r"y of shape \[N, 2\], event size 2, .* \(6, 1\)"),
        ((X, Y[:, 0]), ValueError, r"y of shape \[N, 2\], event size 2, .* \(6,\)"),
        ((X, None), ValueError, "an array y beside x, or batches .* but got y = None"),
        ((X.astype(int), Y), TypeError, r"floating-point x, but got int64; .* x\.astype"),
        ((X, Y.astype(int)), TypeError, r"floating-point y, but got int64; .* y\.astype"),
        ((X[:0], Y[:0]), ValueError, r"got no examples, but an array of shape \(0, 3\)"),
        ((X, Y[:5]), ValueError, "needs as many y as x, but got 5 of 6"),
        ((X, np.ma.masked_array(Y, Y > 1)), TypeError, "got y as a masked array"),
        (
            (X, Y + 1j),
            TypeError,
            "floating-point y, but got complex.* imaginary",
        ),
        ((X + np.inf, Y), ValueError, "x that are NaN or infinite in 6 of 6 points"),
        ((X, NAN), ValueError, "y that are NaN or infinite in 1 of 6 .* index 4"),
        ((dataset(X),), ValueError, "an array y beside x, or batches .* y = None"),
        ((dataset(X, Y[:, :1]),), ValueError, r"y of shape \[N, 2\]"),
        ((dataset(X, NAN),), ValueError, "y that are NaN or infinite in 1 of 6"),
    ],
)
def test_bad_data(source, error, message):
    model = build()
    model.compile("sgd", run_eagerly=True)
    weights = model.get_weights()
    for method in (model.fit, model.adapt, model.evaluate):
        with pytest.raises(error, match=message):
            method(*source)
    for start, weight in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, start)
    with pytest.raises(error, match=message):
        model.fit(X, Y, validation_data=source, verbose=0)


def test_bad_shapes_of_queries():
    model = build()
    for y in (Y[:, :1], Y[:5], Y[:, 0], np.zeros([6, 6, 1])):
        with pytest.raises(ValueError, match=r"y of shape \[..., B, 2\] for B = 6"):
            model.log_prob(X, y)
    with pytest.raises(ValueError, match=r"needs x of shape \[B, 3\], .* \(3,\)"):
        model.distribution(X[0])
    for use in (model.sample, lambda x, _: model.log_prob(X, x[:, :2])):
        with pytest.raises(TypeError, match="of real numbers, but got complex"):
            use(X + 1j, 1)
        with pytest.raises(TypeError, match=r"got [xy] as a masked array"):
            use(np.ma.masked_array(X, X > 1), 1)
    with pytest.raises(ValueError, match="`num_samples` must be an integer"):
        model.sample(X, 0)


def test_bad_arguments():
    with pytest.raises(TypeError, match=r"must be amortised flow layers, .*SharedPlanar"):
        build(SharedPlanar(2))
    with pytest.raises(TypeError, match=r"dtype of the model, float32, .* float64"):
        build(AmortizedPlanar(2, dtype="float64"))
    with pytest.raises(ValueError, match="`event_size` must be an integer"):
        build(event_size=0)
    for sizes in ((10**9, [3]), (1, [10**9])):
        with pytest.raises(ValueError, match=r"would have [\d,]+ weights, more than"):
            ConditionalFlow(*sizes, [])
    with pytest.raises(TypeError, match="`network` must be a"):
        build(network=lambda x: x)
    with pytest.raises(ValueError, match="`network` must map x to features"):
        build(network=keras.layers.Reshape([3, 1]))
    with pytest.raises(TypeError, match="no argument loss: its loss is the negative"):
        build().compile("adam", loss="mse")
    with pytest.raises(TypeError, match=r"adapt takes arrays x and y, .* list_iterator"):
        build().adapt(iter([(X, Y)]))
