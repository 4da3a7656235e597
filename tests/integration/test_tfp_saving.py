"""tf.train.Checkpoint, and SavedModels that run without this package."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf


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

directory = sys.argv[1]
model = tf.saved_model.load(directory)
packages = {name.partition(".")[0] for name in sys.modules}
assert not packages & {"tfp_flows", "tensorflow_probability"}
with np.load(directory + "/expected.npz") as expected:
    x = tf.constant(expected["x"])
    for name in ("log_prob", "whiten", "log_det"):
        actual = getattr(model, name)(x)
        np.testing.assert_allclose(actual, expected[name], rtol=1e-12, atol=1e-12)
    samples = model.sample(tf.constant(3), tf.constant([1, 2]))
    np.testing.assert_allclose(samples, expected["sample"], rtol=1e-12)
    variable = model.flow_variables[0]
    variable.assign_add(0.1 * tf.ones_like(variable))
    assert np.all(model.log_prob(x).numpy() != expected["log_prob"])
print("reloaded")
"""


def test_saved_model_runs_without_this_package(make, tmp_path, rng):
    flow = make()
    points = tf.TensorSpec([None, 2], tf.float64)

    module = tf.Module()
    module.flow_variables = flow.trainable_variables
    module.log_prob = tf.function(flow.log_prob, input_signature=[points])
    module.whiten = tf.function(flow.bijector.inverse, input_signature=[points])
    module.log_det = tf.function(
        lambda x: flow.bijector.forward_log_det_jacobian(x, event_ndims=1),
        input_signature=[points],
    )
    module.sample = tf.function(
        lambda n, seed: flow.sample(n, seed=seed),
        input_signature=[tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int32)],
    )
    directory = tmp_path / "model"
    tf.saved_model.save(module, str(directory))
    x = rng.normal(size=(5, 2))
    np.savez(
        directory / "expected.npz",
        x=x,
        log_prob=module.log_prob(x),
        whiten=module.whiten(x),
        log_det=module.log_det(x),
        sample=flow.sample(3, seed=(1, 2)),
    )
    finished = subprocess.run(
        [sys.executable, "-c", RELOAD, str(directory)], capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert finished.stdout.strip() == "reloaded"
