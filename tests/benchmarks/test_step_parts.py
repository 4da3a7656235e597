"""The benchmark of the parts of a step: its table is that of its results."""

import json

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows as tff
from benchmarks import one_table, step_parts


def test_the_table_is_that_of_the_results():
    found = json.loads((one_table.RESULTS / "step_parts.json").read_text("utf-8"))
    text = (one_table.RESULTS / "step_parts.md").read_text("utf-8")
    assert text == step_parts.document(found)
    for case in found["cases"]:
        shares = [step_parts.share(case, part) for part in step_parts.PARTS]
        assert sum(shares) == pytest.approx(case["microseconds"]["target"])


def test_the_last_part_is_the_loss_of_a_fit():
    flow = tff.planar_flow(2, 3, seed=0)
    seed = tf.constant([0, 1])
    part = step_parts.Part("target", 50).of(flow, seed)
    target = tff.targets.get("example1").unnormalized_log_prob
    loss, *_ = part(tf.constant(4))
    z = flow.distribution.sample(
        50, seed=tf.random.experimental.stateless_fold_in(seed, tf.constant(4))
    )
    x = flow.bijector.forward(z)
    log_det = flow.bijector.forward_log_det_jacobian(z)
    squares = sum(np.sum(v.numpy() ** 2) for v in flow.trainable_variables)
    expected = tf.reduce_mean(x) - tf.reduce_mean(log_det) - tf.reduce_mean(target(x))
    assert loss.numpy() == pytest.approx(expected.numpy() + squares, rel=1e-5)
