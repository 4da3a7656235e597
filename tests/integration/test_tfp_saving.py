"""tf.train.Checkpoint, and SavedModels that run without this package."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows as tff


def test_checkpoint_restores_every_variable(make, tmp_path, rng):
    x = tf.constant(rng.normal(size=(5, 2)))
    flow, other = make(seed=1), make(seed=2)
    path = tf.train.Checkpoint(flow=flow).save(tmp_path / "checkpoint")
    before = flow.log_prob(x).numpy()
    assert np.all(other.log_prob(tf.identity(x)) != before)
    status = tf.train.Checkpoint(flow=other).restore(path)
    status.assert_existing_objects_matched().assert_consumed()
    np.testing.assert_array_equal(other.log_prob(tf.identity(x)), before)


def test_checkpoint_of_another_size_is_refused(make, tmp_path):
    path = tf.train.Checkpoint(flow=make(num_layers=3)).save(tmp_path / "checkpoint")
    with pytest.raises((ValueError, AssertionError)):
        tf.train.Checkpoint(flow=make(num_layers=2)).restore(path).assert_consumed()


RELOAD = """
import sys
import numpy as np
import tensorflow as tf

for directory in sys.argv[1:]:
    model = tf.saved_model.load(directory)
    packages = {name.partition(".")[0] for name in sys.modules}
    assert not packages & {"tfp_flows", "tensorflow_probability"}
    with np.load(directory + "/expected.npz") as expected:
        x = tf.constant(expected["x"])
        for name in ("log_prob", "log_det"):
            actual = getattr(model, name)(x)
            np.testing.assert_allclose(actual, expected[name], rtol=1e-12, atol=1e-12)
        samples = model.sample(tf.constant(3), tf.constant([1, 2]))
        np.testing.assert_allclose(samples, expected["sample"], rtol=1e-12)
        variable = model.flow_variables[0]
        variable.assign_add(0.1 * tf.ones_like(variable))
        assert np.all(model.log_prob(x).numpy() != expected["log_prob"])
    print("reloaded")
"""


@pytest.mark.slow
def test_saved_models_run_without_this_package(tmp_path, rng):
    settings = dict(seed=4, dtype=tf.float64, init_scale=1.0)
    flows = {
        "stack": tff.planar_flow(2, 2, **settings),
        "chain": tff.radial_flow(2, 1, fused=False, **settings),
    }
    for name, flow in flows.items():
        save_model(flow, str(tmp_path / name), rng.normal(size=(5, 2)))
    finished = subprocess.run(
        [sys.executable, "-c", RELOAD, *(str(tmp_path / name) for name in flows)],
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert finished.stdout.split() == ["reloaded"] * 2


def save_model(flow, directory, x):
    """Saves methods of a flow, and beside them what they return."""
    points = tf.TensorSpec([None, 2], tf.float64)
    module = tf.Module()
    module.flow_variables = flow.trainable_variables
    module.log_prob = tf.function(flow.log_prob, input_signature=[points])
    module.log_det = tf.function(
        lambda x: flow.bijector.forward_log_det_jacobian(x, event_ndims=1),
        input_signature=[points],
    )
    module.sample = tf.function(
        lambda n, seed: flow.sample(n, seed=seed),
        input_signature=[tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int32)],
    )
    tf.saved_model.save(module, directory)
    np.savez(
        f"{directory}/expected.npz",
        x=x,
        log_prob=module.log_prob(x),
        log_det=module.log_det(x),
        sample=flow.sample(3, seed=(1, 2)),
    )
