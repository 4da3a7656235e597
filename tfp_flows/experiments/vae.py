"""Training a variational autoencoder on images, with its files."""

import os
import pathlib
import shutil
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfp_flows import models, numerics
from tfp_flows.experiments.configs import VAE_FLOWS, VaeConfig
from tfp_flows.experiments.images import load_images
from tfp_flows.experiments.outputs import new_folder, write_results
from tfp_flows.experiments.vae_figures import save_figures
from tfp_flows.experiments.vae_flows import build_flow
from tfp_flows.files import replacing, write_csv
from tfp_flows.progress import tqdm


def build(config: VaeConfig, image_shape: Sequence[int]) -> models.FlowVAE:
    """The untrained `tff.models.FlowVAE` of a `VaeConfig`."""
    return models.FlowVAE(
        config.latent_size,
        image_shape,
        encoder=config.networks,
        decoder=config.networks,
        flow=build_flow(
            config.flow, config.num_layers, config.latent_size, seed=config.seed
        ),
        binarization=config.binarization,
        seed=config.seed,
    )


def train(
    model: models.FlowVAE,
    images: np.ndarray,
    config: VaeConfig,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> tuple[dict[str, list[float]], float]:
    """Compiles and trains `model` on `images` `[N, ...]` as a `VaeConfig` says.

    Returns:
      The history, a `dict` of lists with a number per epoch, and the seconds it took.
    """
    num_steps = config.num_epochs * -(-len(images) // config.batch_size)
    rate = config.learning_rate
    if config.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, num_steps)
    model.compile(keras.optimizers.Adam(rate), jit_compile=config.jit_compile)
    if config.warm_up_epochs:
        callbacks = [*callbacks, models.KLWarmUp(config.warm_up_epochs)]
    # Keras' own shuffling follows the global seed, which is not ours to set.
    dataset = tf.data.Dataset.from_tensor_slices(images)
    dataset = dataset.shuffle(len(images), seed=config.seed).batch(config.batch_size)
    started = time.perf_counter()
    history = model.fit(
        dataset.prefetch(2),
        epochs=config.num_epochs,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )
    return history.history, time.perf_counter() - started


def judge(
    model: models.FlowVAE, images: np.ndarray, *, num_samples: int, seed: int
) -> dict[str, Any]:
    """Means over `images` of the bound and the likelihood, with the same samples.

    Returns:
      `dict`: `negative_elbo`, `importance_nll`, in nats per image, and their standard
      errors over the images.
    """
    elbo, log_likelihood = model.elbo_and_log_likelihood(
        images, num_samples=num_samples, seed=seed
    )
    error = 1.0 / np.sqrt(len(images))
    return dict(
        negative_elbo=float(-np.mean(elbo)),
        negative_elbo_standard_error=float(np.std(elbo) * error),
        importance_nll=float(-np.mean(log_likelihood)),
        importance_nll_standard_error=float(np.std(log_likelihood) * error),
        num_samples=num_samples,
        num_images=len(images),
    )


def run(
    out: str | os.PathLike,
    data: str | os.PathLike,
    config: VaeConfig,
    *,
    overwrite: bool = False,
    progress_bar: bool = True,
) -> dict[str, Any]:
    """Trains a variational autoencoder and writes its files.

    Writes under `out`: `model.keras`, `history.csv`, `vae.json` (configuration, test
    -ELBO and likelihood, training time), `samples.png`, `reconstructions.png`, and for a
    latent space of two dimensions `latent-map.png`.

    Args:
      out: folder, made if need be.
      data: "mnist" or a path, as for `load_images`.
      config: `VaeConfig`.
      overwrite: whether to replace a model that is already there.
      progress_bar: whether to show one, on stderr.

    Returns:
      The content of `vae.json`, a `dict`.

    Raises:
      FileExistsError: if there is a model already and not `overwrite`.
      OSError: if `out` cannot be written to, or the data not be read.
      ValueError, TypeError: if the data or the configuration is wrong; all before any
        training.
    """
    _check_config(config)
    with new_folder(out, "model.keras", overwrite=overwrite) as folder:
        images = load_images(data)
        model = build(config, images["x_train"].shape[1:])
        with tqdm(total=config.num_epochs, disable=not progress_bar, unit="epoch") as bar:
            history, seconds = train(
                model, images["x_train"], config, callbacks=[_Progress(bar)]
            )
        # Before all that follows, so that nothing can lose it.
        _save(model, folder / "model.keras")
        write_csv(folder / "history.csv", dict(epoch=range(config.num_epochs), **history))
        test = judge(
            model,
            images["x_test"],
            num_samples=config.num_importance_samples,
            seed=config.seed + 1,
        )
        results = write_results(
            folder / "vae.json",
            config,
            num_training_images=len(images["x_train"]),
            num_weights=model.count_params(),
            seconds=seconds,
            test=test,
        )
        save_figures(
            folder, model, images["x_test"], images["y_test"], seed=config.seed + 2
        )
        return results


def _save(model: keras.Model, path: pathlib.Path) -> None:
    """Saves a model whole or not at all, as Keras does not."""
    with tempfile.TemporaryDirectory() as folder:
        saved = pathlib.Path(folder) / path.name
        model.save(saved)
        with open(saved, "rb") as source, replacing(path) as file:
            shutil.copyfileobj(source, file)


class _Progress(keras.callbacks.Callback):
    """Moves a progress bar by an epoch, with the training ELBO."""

    def __init__(self, bar: tqdm) -> None:
        super().__init__()
        self._bar = bar

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._bar.set_postfix(elbo=f"{logs['elbo']:.2f}")
        self._bar.update()


def _check_config(config: VaeConfig) -> None:
    for name in (
        "num_layers",
        "latent_size",
        "num_epochs",
        "batch_size",
        "num_importance_samples",
    ):
        numerics.check_size(name, getattr(config, name))
    if not config.learning_rate > 0.0:
        raise ValueError(
            f"`learning_rate` must be positive, but got {config.learning_rate}."
        )
    if config.warm_up_epochs < 0:
        raise ValueError(
            f"`warm_up_epochs` must be 0 or more, but got {config.warm_up_epochs}."
        )
    for name, value, known in (
        ("flow", config.flow, VAE_FLOWS),
        ("schedule", config.schedule, ("constant", "cosine")),
    ):
        if value not in known:
            raise ValueError(
                f"Unknown {name} {value!r}; the known ones are {', '.join(known)}."
            )
