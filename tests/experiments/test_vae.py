"""The VAE experiment on small images: every file, and nothing before bad input."""

import csv
import json
import pickle

import keras
import numpy as np
import pytest
from shortened import running_eagerly
from sklearn.datasets import load_digits

from tfp_flows.experiments import vae
from tfp_flows.experiments.configs import VaeConfig
from tfp_flows.experiments.images import load_images

SMALL = dict(
    num_layers=2,
    latent_size=2,
    num_epochs=2,
    warm_up_epochs=2,
    num_importance_samples=10,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    digits = load_digits()
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    images = digits.images.astype(np.uint8) * 15
    np.savez(
        path, x_train=images[:200], x_test=images[200:260], y_test=digits.target[200:260]
    )
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data):
    out = tmp_path_factory.mktemp("vae")
    with running_eagerly():
        return out, vae.run(out, data, VaeConfig(**SMALL), progress_bar=False)


@pytest.mark.slow
def test_every_file_is_written(trained):
    out, results = trained
    assert {path.name for path in out.iterdir()} == {
        "model.keras",
        "history.csv",
        "vae.json",
        "samples.png",
        "reconstructions.png",
        "latent-map.png",
    }
    assert json.loads((out / "vae.json").read_text()) == json.loads(json.dumps(results))
    rows = list(csv.DictReader((out / "history.csv").open()))
    assert [float(row["beta"]) for row in rows] == [0.5, 1.0]
    assert float(rows[1]["elbo"]) > float(rows[0]["elbo"])


def test_the_results_are_those_of_the_saved_model(trained, data, eagerly):
    out, results = trained
    model = keras.models.load_model(out / "model.keras")
    images = load_images(data)["x_test"]
    again = vae.judge(model, images, num_samples=10, seed=1)
    assert again == results["test"]
    assert again["importance_nll"] < again["negative_elbo"]
    assert results["num_weights"] == model.count_params()
    assert type(model.flow).__name__ == "AmortizedPlanar"


def test_an_earlier_model_is_kept(trained, data):
    out, _ = trained
    with pytest.raises(FileExistsError, match="--overwrite"):
        vae.run(out, data, VaeConfig(**SMALL), progress_bar=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(flow="nvp"), "flow 'nvp'.*planar"),
        (dict(schedule="linear"), "schedule 'linear'"),
        (dict(num_epochs=0), "num_epochs.*0"),
        (dict(learning_rate=0.0), "learning_rate"),
        (dict(warm_up_epochs=-1), "warm_up_epochs"),
        (dict(binarization="none"), "binarization 'none'"),
        (dict(networks="cnn"), "encoder 'cnn'"),
    ],
)
def test_bad_settings(tmp_path, data, changes, message):
    with pytest.raises(ValueError, match=message):
        vae.run(tmp_path, data, VaeConfig(**(SMALL | changes)), progress_bar=False)


IMAGES = np.zeros((3, 4, 4), np.uint8)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (dict(x_train=IMAGES), "has no array x_test"),
        (dict(images=IMAGES), "no array x_train and no x_test"),
        (dict(x_train=IMAGES, x_test=IMAGES[:, :2]), "two shapes"),
        (dict(x_train=IMAGES[0], x_test=IMAGES), r"\(4, 4\)"),
        (dict(x_train=IMAGES[:0], x_test=IMAGES), r"\(0, 4, 4\)"),
        (
            dict(x_train=np.zeros((3, 4, 4, 2)), x_test=IMAGES),
            r"1 or 3 channels.*\(3, 4, 4, 2\)",
        ),
        (dict(x_train=IMAGES, x_test=np.zeros((3, 4, 4, 4), np.uint8)), "alpha"),
        (dict(x_train=IMAGES + 7.0, x_test=IMAGES), "values from 7.0 to 7.0"),
        (dict(x_train=IMAGES + np.nan, x_test=IMAGES), "values from nan"),
        (dict(x_train=IMAGES.astype(int), x_test=IMAGES), "int64"),
        (dict(x_train=IMAGES, x_test=IMAGES, y_test=np.zeros(2)), "y_test.*3 test"),
    ],
)
def test_bad_arrays(tmp_path, arrays, message):
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        load_images(tmp_path / "data.npz")


def test_bad_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.npz.*--data"):
        load_images(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("x_train")
    np.save(tmp_path / "lone.npy", IMAGES)
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps(dict(x_train=1)))
    np.savez(tmp_path / "objects.npz", x_train=np.array([None]), x_test=IMAGES)
    for name in ("text.npz", "lone.npy", "pickle.npz", "objects.npz"):
        with pytest.raises(ValueError, match=r"not an .npz file of plain arrays"):
            load_images(tmp_path / name)


def test_mnist_without_a_network(monkeypatch):
    def fail():
        raise Exception("URL fetch failure: None -- Network is unreachable")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", fail)
    with pytest.raises(OSError, match=r"Cannot download MNIST.*unreachable.*--data"):
        load_images("mnist")


def test_mnist_is_keras_mnist(monkeypatch):
    pair = (IMAGES + np.uint8(255), np.zeros(3))
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: (pair, pair))
    data = load_images("mnist")
    np.testing.assert_array_equal(data["x_test"], np.ones((3, 4, 4)))
    assert data["x_train"].dtype == np.float32
