"""Flows that the tests of TFP's contract run on."""

import itertools

import pytest
import tensorflow as tf

import tfp_flows as tff

BUILDERS = {"planar": tff.planar_flow, "radial": tff.radial_flow}


@pytest.fixture(
    params=itertools.product(BUILDERS.values(), [True, False]),
    ids=["planar-stack", "planar-chain", "radial-stack", "radial-chain"],
)
def make(request):
    """A builder of small float64 flows, far from the identity; K=3 unless told."""
    builder, fused = request.param

    def build(event_size=2, num_layers=3, **kwargs):
        settings = dict(seed=4, dtype=tf.float64, fused=fused, init_scale=1.0)
        return builder(event_size, num_layers, **{**settings, **kwargs})

    return build
