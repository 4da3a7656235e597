"""NUTS on Neal's funnel: NumPyro's, bare and through a flow of its own, and BlackJAX's.

    python -m benchmarks.refine.with_numpyro '{"method": "nuts", "seed": 0, ...}'

The job has `size` and `sd` of the funnel, and the `path` to which the neck's samples,
`[num_samples, num_chains]`, are written. 4 chains, vectorized, of 1,000 steps of
adaptation and 2,000 draws. The seconds, as JSON, are those from the model to the draws:
compilation counts, and the fit of the flow, by 5,000 steps of Adam as in
`benchmarks.posteriors`; imports do not.
"""

import json
import sys
import time

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro import infer
from numpyro.infer.reparam import NeuTraReparam

NUM_CHAINS, NUM_WARMUP, NUM_SAMPLES = 4, 1_000, 2_000
NUM_STEPS, NUM_PARTICLES = 5_000, 16


def model_of(size, sd):
    """The funnel as a model."""

    def model():
        neck = numpyro.sample("neck", dist.Normal(0.0, sd))
        scale = jnp.exp(0.5 * neck)
        numpyro.sample("x", dist.Normal(0.0, scale).expand([size - 1]).to_event(1))

    return model


def run_nuts(model, key):
    """NumPyro's chains of a model: samples by name, `[num_chains, num_samples, ...]`."""
    chains = infer.MCMC(
        infer.NUTS(model),
        num_warmup=NUM_WARMUP,
        num_samples=NUM_SAMPLES,
        num_chains=NUM_CHAINS,
        chain_method="vectorized",
        progress_bar=False,
    )
    chains.run(key)
    return chains.get_samples(group_by_chain=True)


def nuts(model, key):
    """On the bare density."""
    return run_nuts(model, key)["neck"]


def neutra(model, key):
    """In the space of an inverse autoregressive flow, with NumPyro's own defaults."""
    fit_key, chain_key = jax.random.split(key)
    guide = infer.autoguide.AutoIAFNormal(model)
    optimizer = numpyro.optim.ClippedAdam(lambda i: 0.01 * 0.01 ** (i / NUM_STEPS))
    loss = infer.Trace_ELBO(num_particles=NUM_PARTICLES)
    fit = infer.SVI(model, guide, optimizer, loss).run(
        fit_key, NUM_STEPS, progress_bar=False
    )
    reparam = NeuTraReparam(guide, fit.params)
    found = run_nuts(reparam.reparam(model), chain_key)
    return reparam.transform_sample(found["auto_shared_latent"])["neck"]


def blackjax_nuts(model, key):
    """BlackJAX's window adaptation and NUTS on the bare density."""
    start_key, warmup_key, sample_key = jax.random.split(key, 3)
    start_keys = jax.random.split(start_key, NUM_CHAINS)
    start = infer.util.initialize_model(start_keys, model)

    def log_density(z):
        return -infer.util.potential_energy(model, (), {}, z)

    def run_chain(position, warmup_key, sample_key):
        warmup = blackjax.window_adaptation(blackjax.nuts, log_density)
        (state, parameters), _ = warmup.run(warmup_key, position, NUM_WARMUP)
        kernel = blackjax.nuts(log_density, **parameters)

        def step(state, key):
            state, _ = kernel.step(key, state)
            return state, state.position["neck"]

        return jax.lax.scan(step, state, jax.random.split(sample_key, NUM_SAMPLES))[1]

    keys = (jax.random.split(part, NUM_CHAINS) for part in (warmup_key, sample_key))
    return jax.jit(jax.vmap(run_chain))(start.param_info.z, *keys)


METHODS = dict(nuts=nuts, neutra=neutra, blackjax=blackjax_nuts)


def main():
    job = json.loads(sys.argv[1])
    key = jax.random.PRNGKey(job["seed"])
    started = time.perf_counter()
    neck = METHODS[job["method"]](model_of(job["size"], job["sd"]), key)
    jax.block_until_ready(neck)
    seconds = time.perf_counter() - started
    np.save(job["path"], np.asarray(neck, np.float32).T)
    print(json.dumps(dict(seconds=seconds)))


if __name__ == "__main__":
    main()
