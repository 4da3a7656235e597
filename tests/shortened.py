"""What pages and notebooks call, shortened: their code is to run, not to fit well."""

import contextlib

import keras
import tensorflow as tf

import tfp_flows as tff
from tfp_flows.plotting import planes
from tfp_flows.posteriors import chain_rounds

MOST_LAYERS = 4
RESOLUTION = 60
# Of the chains of `refine`.
OF_CHAINS = dict(_NUM_CHAINS=4, _NUM_BURNIN=4, _NUM_FIRST=8)
# Of fits of Keras, where the code says how many.
OF_KERAS = dict(epochs=1, batch_size=2_000)


def shorten(monkeypatch):
    """Flows have few layers, fits and chains take few steps, and grids are coarse.

    Fits of `tff.vi` run eagerly, and densities are drawn so, as most of the time would go
    into tracing.
    """
    for name in ("planar_flow", "radial_flow"):
        monkeypatch.setattr(tff, name, _of_few_layers(getattr(tff, name)))
    for name in ("fit_reverse_kl", "fit_maximum_likelihood", "fit_restarts"):
        monkeypatch.setattr(tff.vi, name, _in_one_step(getattr(tff.vi, name)))
    for name, value in OF_CHAINS.items():
        monkeypatch.setattr(chain_rounds, name, value)
    monkeypatch.setattr(keras.Model, "fit", _in_one_epoch(keras.Model.fit))
    density_on_grid = _on_a_coarse_grid(planes.density_on_grid)
    for module in (planes, tff.plotting):
        monkeypatch.setattr(module, "density_on_grid", density_on_grid)


@contextlib.contextmanager
def running_eagerly():
    """What is a `tf.function` runs eagerly: a few steps take less time than a trace."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def _of_few_layers(build):
    def short(event_size, num_layers, **arguments):
        return build(event_size, min(num_layers, MOST_LAYERS), **arguments)

    return short


def _in_one_step(fit):
    def short(*args, **arguments):
        with running_eagerly():
            return fit(*args, **arguments | dict(num_steps=1))

    return short


def _in_one_epoch(fit):
    def short(*args, **arguments):
        given = {name: OF_KERAS[name] for name in OF_KERAS if name in arguments}
        return fit(*args, **arguments | given)

    return short


def _on_a_coarse_grid(density_on_grid):
    def coarse(log_prob_fn, limits, *, resolution=RESOLUTION):
        # The method of a distribution, which would be made a graph.
        log_prob_fn = getattr(log_prob_fn, "log_prob", log_prob_fn)
        return density_on_grid(
            log_prob_fn, limits, resolution=min(resolution, RESOLUTION)
        )

    return coarse
