"""The posteriors that a variational autoencoder can have, by name."""

import keras

from tfp_flows import layers

_LAYERS = {
    "planar": layers.AmortizedPlanar,
    "radial": layers.AmortizedRadial,
    "shared-planar": layers.SharedPlanar,
    "shared-radial": layers.SharedRadial,
}
# Of orthogonal Sylvester layers: most of a latent space of size 20.
_MAX_UNITS = 16


def build_flow(
    name: str, num_layers: int, latent_size: int, *, seed: int
) -> keras.Layer | None:
    """The flow of this name, with parameters from the encoder unless it is shared.

    Args:
      name: one of `configs.VAE_FLOWS`.
      num_layers: K.
      latent_size: D.
      seed: `int`, of the initial values.

    Returns:
      A layer of `tff.layers`, or `None` for "none".
    """
    if name == "none":
        return None
    family, _, form = name.partition("-")
    if family == "sylvester":
        units = min(_MAX_UNITS, latent_size) if form == "orthogonal" else None
        return layers.AmortizedSylvester(num_layers, units, form, seed=seed)
    return _LAYERS[name](num_layers, seed=seed)
