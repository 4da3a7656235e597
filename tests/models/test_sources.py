"""Sources of examples of every kind, good, bad and weighted, for both models."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import tfp_flows as tff

X = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
IMAGES = np.random.default_rng(1).uniform(size=(40, 4, 4)).astype(np.float32)


# What is told apart here happens before a step, or in arithmetic that all modes share.
EAGER, GRAPH, XLA = (
    dict(run_eagerly=True),
    dict(jit_compile=False),
    dict(jit_compile=True),
)


def flow_model(mode=EAGER):
    model = tff.models.FlowModel(2, tff.layers.SharedRadial(2, seed=0), seed=0)
    model.compile(keras.optimizers.SGD(0.1), **mode)
    return model


def vae(mode=EAGER):
    settings = dict(encoder="mlp", decoder="mlp", binarization="fixed", seed=0)
    model = tff.models.FlowVAE(1, (4, 4), **settings)
    model.compile(keras.optimizers.SGD(0.01), **mode)
    return model


MODELS = pytest.mark.parametrize(
    ("build", "x"), [(flow_model, X), (vae, IMAGES)], ids=["flow", "vae"]
)


class Batches(keras.utils.PyDataset):
    def __init__(self, *arrays, **kwargs):
        super().__init__(**kwargs)
        self.arrays, self.epochs = arrays, 0

    def __len__(self):
        return 2

    def __getitem__(self, index):
        rows = slice(20 * index, 20 * index + 20)
        return tuple(None if a is None else a[rows] for a in self.arrays)

    def on_epoch_end(self):
        self.epochs += 1


def dataset(*arrays):
    parts = arrays[0] if len(arrays) == 1 else arrays
    return tf.data.Dataset.from_tensor_slices(parts).batch(20)


def generator(*arrays):
    batches = (Batches(*arrays)[index] for index in range(2))
    return (batch[0] if len(batch) == 1 else batch for batch in batches)


SOURCES = pytest.mark.parametrize(
    "source", [dataset, Batches, generator], ids=["dataset", "PyDataset", "generator"]
)


def train(model, *args, **kwargs):
    settings = dict(batch_size=20) if isinstance(args[0], np.ndarray) else {}
    history = model.fit(*args, verbose=0, shuffle=False, **settings, **kwargs)
    return history.history["loss"]


@pytest.mark.slow
@MODELS
def test_sources_are_arrays(build, x):
    losses, result = train(build(), x), build().evaluate(x, verbose=0)
    for source in SOURCES.args[1]:
        assert train(build(), source(x)) == pytest.approx(losses, rel=1e-5), source
        found = build().evaluate(source(x), verbose=0)
        if build is flow_model:  # the noise of an evaluation goes by batches
            assert found == pytest.approx(result, rel=1e-5), source


@pytest.mark.parametrize(
    ("build", "x", "source", "bad", "mode"),
    [
        (flow_model, X, dataset, np.nan, XLA),
        (flow_model, X, Batches, np.inf, GRAPH),
        (flow_model, X, generator, np.nan, EAGER),
        (vae, IMAGES, dataset, 255.0, GRAPH),
        (vae, IMAGES, Batches, np.nan, EAGER),
        (vae, IMAGES, generator, -0.1, EAGER),
    ],
)
def test_bad_values_are_met_before_their_step(build, x, source, bad, mode):
    x = x.copy()
    x[33, 0] = bad
    model = build(mode)
    message = "NaN or infinite" if build is flow_model else r"values in \[0, 1\]"
    with pytest.raises(ValueError, match=message):
        train(model, source(x))
    assert all(np.all(np.isfinite(weight)) for weight in model.get_weights())
    with pytest.raises(ValueError, match=message):
        model.evaluate(source(x), verbose=0)
    with pytest.raises(ValueError, match=message):
        train(model, np.nan_to_num(x[:20]).clip(0, 1), validation_data=source(x))


@MODELS
@SOURCES
def test_integers_and_dicts_are_refused(build, x, source):
    with pytest.raises(TypeError, match="int64"):
        train(build(), source((10 * x).astype(int)))
    if source is dataset:
        with pytest.raises(TypeError, match="one array of examples"):
            train(build(), tf.data.Dataset.from_tensors(dict(x=x)))


@MODELS
def test_arrays_that_are_none_are_refused_before_any_work(build, x):
    model = build()
    model.optimizer.apply_gradients = None  # no step is taken
    for bad, error, message in (
        (x[:0], ValueError, r"got no examples, but an array of shape \(0, "),
        (dataset(x[:0]), ValueError, "got no examples, but a dataset without"),
        (tf.data.Dataset.from_tensors(x[:0]), ValueError, "got no examples"),
        (generator(x[:0]), ValueError, "got no examples"),
        (np.ma.masked_array(x, x > 0.9), TypeError, "masked array, whose mask would"),
        (x.astype("complex64"), TypeError, "got complex64"),
        (x.astype(object), TypeError, "of numbers, but got an array of dtype object"),
        (x.astype(str), TypeError, "of numbers, but got an array of dtype <U"),
        (tf.sparse.from_dense(x[..., 0]), TypeError, "but got SparseTensor"),
        (tf.RaggedTensor.from_tensor(x), TypeError, "but got RaggedTensor"),
    ):
        with pytest.raises(error, match=message):
            model.fit(bad, verbose=0)
    with pytest.raises((TypeError, ValueError), match=r"got (None|NoneType|none)"):
        model.fit(None)
    with pytest.raises(ValueError, match=r"data\.take\(n\) beside data\.skip\(n\)"):
        model.fit(dataset(x), validation_split=0.1)
    with pytest.raises(TypeError, match=r"got list; .* np\.asarray\(x\)"):
        model.fit(x.tolist(), validation_split=0.1)
    for size in (0, -1, 1.5, "2"):
        for arguments in (dict(batch_size=size), dict(validation_batch_size=size)):
            with pytest.raises(ValueError, match="batch_size` must be an integer of at"):
                model.fit(x, validation_split=0.5, **arguments)
        for method in (model.evaluate, model.predict):
            with pytest.raises(ValueError, match="batch_size` must be an integer of at"):
                method(x, batch_size=size)
    for inputs in (None, x[:0]):
        with pytest.raises(ValueError, match=r"predict (needs inputs|got no examples)"):
            model.predict(inputs)


@MODELS
def test_what_is_no_source_is_refused(build, x):
    for wrong in ([x, x], dict(x=x), 3):
        with pytest.raises(TypeError, match="takes an array, a data frame"):
            train(build(), wrong)


def test_frames():
    frame = pd.DataFrame(X)
    assert train(flow_model(), frame, batch_size=20) == train(flow_model(), X)
    with pytest.raises(TypeError, match="int64"):
        train(flow_model(), (10 * frame).astype(int))
    frame.iloc[5, 0] = np.nan
    with pytest.raises(ValueError, match="index 5"):
        train(flow_model(), frame)


@pytest.mark.slow
def test_images_of_bytes_from_a_folder(tmp_path):
    (tmp_path / "digits").mkdir()
    for index, image in enumerate(IMAGES[:8, :, :, np.newaxis]):
        keras.utils.save_img(tmp_path / f"digits/{index}.png", 255 * image, scale=False)
    images = keras.utils.image_dataset_from_directory(
        tmp_path, None, None, color_mode="grayscale", image_size=(4, 4), verbose=0
    )
    model = tff.models.FlowVAE(1, (4, 4, 1), seed=0)
    model.compile()
    with pytest.raises(ValueError, match="dividing by 255"):
        model.fit(images, verbose=0)
    scaled = images.map(lambda batch: batch / 255.0)
    assert np.isfinite(model.fit(scaled, verbose=0).history["loss"][0])


def test_points_of_weight_0_are_left_out():
    weighted, alone = flow_model(), flow_model()
    weights = np.repeat([2.0, 0.0], 10)
    losses = [train(weighted, X[:20], sample_weight=weights), train(alone, X[:10])]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for one, other in zip(weighted.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@MODELS
def test_weights_weigh_wherever_they_are_given(build, x):
    weights = np.zeros(40, np.float32)
    start = build().get_weights()
    for arguments in (
        dict(x=dataset(x, None, weights)),
        dict(x=Batches(x, None, weights)),
        dict(x=generator(x, None, weights[:, np.newaxis])),
    ):
        model = build()
        model.fit(**arguments, verbose=0)
        for one, other in zip(start, model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    weights[20:] = 1.0  # those that Keras' split leaves for validation
    split = dict(sample_weight=weights, validation_split=0.5, epochs=2, verbose=0)
    history = build().fit(x, **split).history
    assert history["loss"] == [0.0, 0.0]
    assert np.all(history["val_loss"])
    history = build().fit(
        x, validation_data=dataset(x, None, 0 * weights), epochs=2, verbose=0
    )
    assert history.history["val_loss"] == [0.0, 0.0]
    assert np.all(history.history["loss"])
    with pytest.raises(ValueError, match="validation_data got a sample_weight of 0"):
        build().fit(x, validation_data=(x, None, 0 * weights), verbose=0)


@MODELS
def test_loss_is_a_mean_of_weighted_terms_and_metrics_are_weighted_means(build, x):
    weights = np.repeat([0.5, 2.0], 20)
    model = build()
    result = model.evaluate(
        x, sample_weight=weights, batch_size=40, verbose=0, return_dict=True
    )
    value = result["nll"] if build is flow_model else -result["elbo"]
    assert result["loss"] == pytest.approx(np.mean(weights) * value, rel=1e-5)
    if build is flow_model:
        expected = -np.average(model.log_prob(x), weights=weights)
        assert value == pytest.approx(expected, rel=1e-5)


@MODELS
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.full(40, np.nan), "NaN, infinite or negative"),
        (np.full(40, -1.0), "NaN, infinite or negative"),
        (np.ones([40, 2]), r"shape \[40\], .* but got shape \(40, 2\)"),
        (np.zeros(40), "0 for all examples"),
        (np.ones(39), r"shape \[40\], .* but got shape \(39,\)"),
    ],
)
def test_bad_weights_are_refused(build, x, weights, message):
    with pytest.raises(ValueError, match=message):
        train(build(), x, sample_weight=weights)
    if "finite" in message:
        for source in (dataset, Batches, generator):
            with pytest.raises(ValueError, match=message):
                train(build(), source(x, None, weights))


@MODELS
def test_class_weights_are_refused(build, x):
    with pytest.raises(ValueError, match="has no classes, but got class_weight"):
        train(build(), x, class_weight={0: 1.0})


def test_labels_of_images_are_not_looked_at():
    labels = np.arange(40.0)
    losses = [
        train(vae(), data)
        for data in (dataset(IMAGES), dataset(IMAGES, labels), Batches(IMAGES, labels))
    ]
    assert losses[0] == losses[1] == losses[2]
    for source in SOURCES.args[1]:
        with pytest.raises(ValueError, match="got labels"):
            train(flow_model(), source(X, labels))


def test_py_dataset_is_told_of_epochs():
    batches = Batches(X, workers=2)
    flow_model().fit(batches, epochs=3, verbose=0)
    assert batches.epochs >= 3
