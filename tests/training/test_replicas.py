"""Steps that the replicas of a strategy share."""

import pathlib
import subprocess
import sys

import pytest
import tensorflow as tf

import tfp_flows as tff


@pytest.mark.slow
def test_two_replicas_do_what_one_does():
    script = pathlib.Path(__file__).with_name("two_replicas.py")
    run = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def fit(**arguments):
    target = tff.targets.get("example1")
    flow = tff.planar_flow(2, 1, seed=0)
    return tff.vi.fit_reverse_kl(
        flow, target, num_steps=1, progress_bar=False, **arguments
    )


def test_what_no_fit_can_share_is_refused_at_once():
    for strategy in (tf.distribute.get_strategy(), "mirrored"):
        with pytest.raises(TypeError, match=r"must be a tf\.distribute\.Mirrored"):
            fit(strategy=strategy)
