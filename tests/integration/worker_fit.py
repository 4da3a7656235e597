"""A script: one of two workers of a fit.

Its arguments are the folder, the step of death or "-", and "models" to train those, too.
"""

import json
import os
import signal
import sys

import numpy as np
import tensorflow as tf

# Before anything else makes a device.
strategy = tf.distribute.MultiWorkerMirroredStrategy()

import keras  # noqa: E402
import keras_models  # noqa: E402
from tensorflow_probability import distributions as tfd  # noqa: E402

import tfp_flows as tff  # noqa: E402
from tfp_flows.vi import settings as vi_settings  # noqa: E402

FOLDER, DIES_AT, MODELS = sys.argv[1:]
INDEX = json.loads(os.environ["TF_CONFIG"])["task"]["index"]


class Dies(tff.training.Event):
    def steps_left(self, step):
        return 5

    def update(self, run):
        if INDEX == 1 and str(run.step) == DIES_AT:
            os.kill(os.getpid(), signal.SIGKILL)


def target(x):
    return -0.5 * tf.reduce_sum((x - 1.0) ** 2, axis=-1) + tf.cos(x[..., 0])


OBJECTIVE = tff.vi.ReverseKL(target, sample_size=64)


def fit(seed, objective=OBJECTIVE, **arguments):
    flow = tfd.MultivariateNormalDiag(tf.Variable([0.1, -0.2]), tf.Variable([1.0, 1.5]))
    return tff.vi.fit(
        flow,
        objective,
        num_steps=30,
        events=[Dies()],
        optimizer=keras.optimizers.Adam(0.1),
        seed=seed,
        strategy=strategy,
        progress_bar=False,
        **arguments,
    )


result = fit(1, checkpoint_dir=FOLDER, checkpoint_steps=10)
found = dict(loss=[float(x) for x in result.loss])
found["variables"] = [np.asarray(v).tolist() for v in result.flow.trainable_variables]
rows = np.ones([10 + INDEX, 2], np.float32)
posterior = tff.density.RowwisePosterior(
    lambda z: -tf.reduce_sum(z**2, axis=-1),
    lambda z, rows: -tf.reduce_sum((z[:, tf.newaxis] - rows) ** 2, axis=-1),
    rows,
    2,
)
of_rows = tff.vi.ReverseKL(posterior, sample_size=8, batch_size=2)
found["errors"] = []
for seed, objective, version in (
    (INDEX, OBJECTIVE, "1"),
    (1, of_rows, "1"),
    (1, OBJECTIVE, str(INDEX)),
):
    vi_settings.__version__ = version
    try:
        fit(seed, objective)
    except ValueError as error:
        found["errors"].append(str(error))
if MODELS == "models":
    found |= keras_models.train(strategy)
print(json.dumps(found), flush=True)
