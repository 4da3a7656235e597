"""Two workers on this machine: one fit, one error, and one that is killed."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from integration import keras_models

SCRIPT = pathlib.Path(__file__).with_name("worker_fit.py")
SECONDS = 240


def free_ports():
    """Two that nobody listens on."""
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in (one, other)]


@pytest.fixture
def run_workers(tmp_path):
    """A function that runs both, and returns status, stdout and stderr of each."""

    def run(folder, dies_at="-", models="-"):
        hosts = [f"localhost:{port}" for port in free_ports()]
        processes = []
        for index in range(2):
            task = dict(type="worker", index=index)
            config = dict(cluster=dict(worker=hosts), task=task)
            processes.append(
                subprocess.Popen(
                    [sys.executable, SCRIPT, str(tmp_path / folder), dies_at, models],
                    env=os.environ | dict(TF_CONFIG=json.dumps(config)),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        try:
            texts = [process.communicate(timeout=SECONDS) for process in processes]
        finally:
            for process in processes:
                process.kill()
        return [(p.returncode, *t) for p, t in zip(processes, texts, strict=True)]

    return run


@pytest.mark.slow
def test_both_make_one_fit_train_models_and_refuse_what_differs(run_workers):
    found = []
    for status, out, err in run_workers("fit", models="models"):
        assert status == 0, err
        found.append(json.loads(out.splitlines()[-1]))
    assert found[0] == found[1]
    assert np.mean(found[0]["loss"][-5:]) < np.mean(found[0]["loss"][:5]) - 0.1
    expected = ["settings", "data", "versions"]
    for error, what in zip(found[0]["errors"], expected, strict=True):
        assert f"The workers have other {what} (worker 1 against worker 0)" in error
    alone = keras_models.train(tf.distribute.get_strategy())
    np.testing.assert_allclose(found[0]["nll"], alone["nll"], rtol=1e-5)
    # Workers draw samples of their own.
    np.testing.assert_allclose(found[0]["elbo"], alone["elbo"], rtol=0.1)


@pytest.mark.evidence
@pytest.mark.parametrize("dies_at", ["5", "15", "25"])
def test_a_killed_worker_stops_the_other_and_the_fit_goes_on(run_workers, dies_at):
    (status, _, err), (killed, *_) = run_workers("killed", dies_at)
    assert (status, killed) == (1, -9)
    assert "another worker (worker 1) was lost" in err
    resumed, whole = run_workers("killed"), run_workers("whole")
    for (status, out, err), (_, expected, _) in zip(resumed, whole, strict=True):
        assert status == 0, err
        assert json.loads(out.splitlines()[-1]) == json.loads(expected.splitlines()[-1])
