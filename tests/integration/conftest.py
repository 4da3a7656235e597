"""Flows that the tests of TFP's contract run on."""

import pytest
import tensorflow as tf

import tfp_flows as tff

KINDS = {
    "planar-stack": (tff.planar_flow, True),
    "planar-chain": (tff.planar_flow, False),
    "radial-stack": (tff.radial_flow, True),
    "radial-chain": (tff.radial_flow, False),
}


@pytest.fixture(params=KINDS)
def make(request):
    """A builder of small float64 flows, far from the identity; K=3 unless told."""
    builder, fused = KINDS[request.param]

    def build(event_size=2, num_layers=3, **kwargs):
        settings = dict(seed=4, dtype=tf.float64, fused=fused, init_scale=1.0)
        return builder(event_size, num_layers, **{**settings, **kwargs})

    return build
