"""The posteriors that a variational autoencoder can have, by name."""

import functools

from tfp_flows import layers

_sylvester = layers.AmortizedSylvester
FLOWS = {
    "none": None,
    "planar": layers.AmortizedPlanar,
    "radial": layers.AmortizedRadial,
    "sylvester-orthogonal": functools.partial(_sylvester, form="orthogonal", num_units=16),
    "sylvester-householder": functools.partial(_sylvester, form="householder"),
    "sylvester-triangular": functools.partial(_sylvester, form="triangular"),
    "shared-planar": layers.SharedPlanar,
    "shared-radial": layers.SharedRadial,
}


def build_vae_flow(name, num_layers, *, seed):
    """The layer of this name, or `None` for "none"."""
    build = FLOWS[name]
    return None if build is None else build(num_layers, seed=seed)
