"""The posteriors that a variational autoencoder can have, by name."""

from tfp_flows import layers

# The forms of Sylvester layers, with eight units or reflections as in the paper's smaller
# models.
_NUM_UNITS = 8

FLOWS = {
    "none": None,
    "planar": layers.AmortizedPlanar,
    "radial": layers.AmortizedRadial,
    "shared-planar": layers.SharedPlanar,
    "shared-radial": layers.SharedRadial,
}


def build_vae_flow(name, num_layers, *, seed):
    """The layer of this name, or `None` for "none"."""
    build = FLOWS[name]
    return None if build is None else build(num_layers, seed=seed)
