"""FlowJAX: `planar_flow`, its own ELBO loss, Adam of optax, in two forms.

- `scan`: the best case that JAX allows. The whole training loop is one `lax.scan` in one
  jitted program, compiled ahead of time, with its state donated. FlowJAX ships no such
  loop; a user would have to write it. The flow is `Scan` of its `Planar` layers.
- `fit`: FlowJAX called the way it documents: `planar_flow` and
  `flowjax.train.fit_to_key_based_loss`, a Python loop over a jitted step, without a
  progress bar.

`planar_flow` is the same `Scan` with a flip (D = 2) or permutation between layers. At
D = 2 it costs nothing, at D = 512 the permutations take five times as long as all else,
and planar flows do not need them: hence the form of `scan`. (A `Chain` of unrolled
layers was no faster at K = 16, and took three times as long to compile.) Sampling is the
direction that exists: tanh layers have no inverse in FlowJAX, so that the ELBO takes
`sample_and_log_prob`, and `log_prob` of given points raises `NotImplementedError`.
"""

import functools
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from flowjax.bijections import Planar, Scan
from flowjax.distributions import StandardNormal, Transformed
from flowjax.flows import planar_flow
from flowjax.train import fit_to_key_based_loss
from flowjax.train.losses import ElboLoss

from benchmarks.peers import jax_targets, rates, training

PACKAGES = ("flowjax", "jax", "jaxlib", "equinox", "optax")


def build_flow(job):
    """K planar layers over a standard normal, which has no parameters."""
    key, base = jr.key(0), StandardNormal((job["D"],))
    if job["form"] == "fit":
        return planar_flow(key, base_dist=base, flow_layers=job["K"], invert=False)
    layers = eqx.filter_vmap(lambda key: Planar(key, dim=job["D"]))
    return Transformed(base, Scan(layers(jr.split(key, job["K"]))))


class ScanTrainer:
    """The form `scan`."""

    def __init__(self, job):
        self._target = jax_targets.get(job["target"])
        params, self._static = eqx.partition(build_flow(job), eqx.is_inexact_array)
        self._optimizer = optax.adam(1e-3)
        self._loss = ElboLoss(self._target, job["S"])
        # Copies: the flow's own arrays must outlive the donation.
        self._state = jax.tree.map(jnp.array, (params, self._optimizer.init(params)))
        self._key = jr.key(1)
        self._compiled = {}

    def _step(self, state, key):
        params, optimizer_state = state
        loss, grads = jax.value_and_grad(self._loss)(params, self._static, key)
        updates, optimizer_state = self._optimizer.update(grads, optimizer_state, params)
        return (optax.apply_updates(params, updates), optimizer_state), loss

    def compile(self, num_steps):
        """Compiles a scan of that length."""

        @functools.partial(jax.jit, donate_argnums=0)
        def run(state, key):
            return jax.lax.scan(self._step, state, jr.split(key, num_steps))

        self._compiled[num_steps] = run.lower(self._state, self._key).compile()

    def run(self, num_steps):
        """Makes the steps."""
        self._key, key = jr.split(self._key)
        self._state, losses = self._compiled[num_steps](self._state, key)
        return np.asarray(losses)

    def log_prob(self, points):
        """The target."""
        return jax.vmap(self._target)(points)


class FitTrainer:
    """The form `fit`."""

    def __init__(self, job):
        self._target = jax_targets.get(job["target"])
        self._flow = build_flow(job)
        # The same objects in every call, or the jitted step is compiled anew.
        self._optimizer = optax.adam(1e-3)
        self._loss = ElboLoss(self._target, job["S"])
        self._key = jr.key(1)

    def compile(self, num_steps):
        """Compiles the step by making one."""
        self.run(1)

    def run(self, num_steps):
        """Makes the steps."""
        self._key, key = jr.split(self._key)
        self._flow, losses = fit_to_key_based_loss(
            key,
            self._flow,
            loss_fn=self._loss,
            steps=num_steps,
            optimizer=self._optimizer,
            show_progress=False,
        )
        return np.asarray(losses)

    def log_prob(self, points):
        """The target."""
        return jax.vmap(self._target)(points)


def build(job):
    """The trainer of the job's form."""
    return {"scan": ScanTrainer, "fit": FitTrainer}[job["form"]](job)


def throughput(job):
    """Samples per second, jitted; `log_prob` of given points is not there."""
    flow, n = build_flow(job), job["N"]
    draw = eqx.filter_jit(lambda flow, key: flow.sample_and_log_prob(key, (n,)))
    keys = iter(jr.split(jr.key(1), 100_000))

    def run():
        return jax.block_until_ready(draw(flow, next(keys)))

    started = time.perf_counter()
    x, _ = run()
    compile_seconds = time.perf_counter() - started
    return dict(
        samples_per_second=rates.per_second(run, n, job["seconds"]),
        compile_seconds=compile_seconds,
        **rates.or_cannot(
            "log_probs_per_second",
            lambda: jax.block_until_ready(flow.log_prob(x)),
            n,
            job["seconds"],
            NotImplementedError,
        ),
    )


def keep_compilations(folder):
    """JAX's own folder of compiled programs, for small and quick ones, too."""
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def second_start(job):
    """`wall_time`, with what XLA compiles kept for the next process."""
    wall_time = functools.partial(training.wall_time, build)
    return training.second_start(job, keep_compilations, wall_time)


TASKS = {
    **training.tasks(build),
    "second-start": second_start,
    "throughput": throughput,
}
