"""Workers: the same targets everywhere, and no help from tfp_flows."""

import ast
import pathlib

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows as tff
from benchmarks.peers import numpy_mcmc, numpy_targets, ours, scipy_root, tf_targets
from benchmarks.registry import PEERS
from benchmarks.workloads import WORKLOADS, mcmc

FOLDER = pathlib.Path(scipy_root.__file__).parent
SHARED = ("__init__", "__main__", "given_points", "rates", "training")


def tree(module):
    return ast.parse((FOLDER / f"{module}.py").read_text("utf-8"))


def imported(module):
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0]


@pytest.mark.parametrize("name", ["example1", "gaussian"])
def test_targets_agree(name):
    points = numpy_targets.check_points(2)
    expected = numpy_targets.get(name)(points)
    in_tf = tf_targets.get(name)(tf.constant(points, tf.float32))
    np.testing.assert_allclose(in_tf, expected, rtol=1e-5, atol=1e-4)


def test_example1_is_that_of_the_package():
    points = numpy_targets.check_points(2)
    ours = tff.targets.get("example1").unnormalized_log_prob(points.astype(np.float32))
    np.testing.assert_allclose(ours, numpy_targets.example1(points), rtol=1e-5, atol=1e-4)


def test_roots_invert_the_forward_map_and_agree_with_the_package():
    flow = scipy_root.parameters()
    x = np.random.default_rng(1).normal(size=(20, 2))
    y, log_det = scipy_root.forward(*flow, x)
    base = -0.5 * np.sum(x**2, axis=-1) - np.log(2.0 * np.pi)
    log_prob = scipy_root.log_prob(*flow, y)
    np.testing.assert_allclose(log_prob, base - log_det, rtol=1e-9, atol=1e-9)
    in_tf = ours.fitted_flow().log_prob(tf.constant(y, tf.float32))
    np.testing.assert_allclose(in_tf, log_prob, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("loop", [numpy_mcmc.lean_loop, numpy_mcmc.predecessor_loop])
def test_python_loops_sample_the_ring(loop):
    samples, acceptance = loop(4_000)
    assert samples.shape == (4_000, 2)
    assert 0.2 < acceptance < 0.6
    assert abs(np.mean(np.linalg.norm(samples[500:], axis=-1)) - 4.0) < 0.3


@pytest.mark.parametrize("module", sorted({peer.module for peer in PEERS.values()}))
def test_only_our_own_workers_import_tfp_flows(module):
    has_it = "tfp_flows" in set(imported(module))
    assert has_it == (module in ("ours", "tfb_chain", "floor"))


@pytest.mark.parametrize("path", FOLDER.glob("*.py"), ids=lambda path: path.stem)
def test_every_file_is_a_worker_or_shared(path):
    is_shared = path.stem in SHARED or path.stem.startswith(("numpy_t", "torch_t"))
    is_shared |= path.stem.endswith("_targets")
    assert is_shared or path.stem in {peer.module for peer in PEERS.values()}


def test_every_peer_of_a_workload_is_known():
    workloads = [*WORKLOADS.values(), mcmc.WORKLOAD]
    for workload in workloads:
        assert set(workload.peers) <= set(PEERS)
    used = {peer for workload in workloads for peer in workload.peers}
    assert used == set(PEERS)
