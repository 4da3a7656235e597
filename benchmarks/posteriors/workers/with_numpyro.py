"""NumPyro's NUTS and guides, and BlackJAX's Pathfinder on NumPyro's densities.

Guides train by 5,000 steps of Adam at a rate that falls from 0.01 to 0.0001, of 16
samples each. NUTS has 4 chains of 1,000 steps of adaptation and 1,000 draws, on one
device each by `set_host_device_count(4)`, or in turn, as NumPyro has them on a CPU where
nobody has said that.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro import infer

from benchmarks.posteriors import reference
from benchmarks.posteriors.workers.protocol import answer

NUM_DRAWS, NUM_STEPS, NUM_PARTICLES = 20_000, 5_000, 16


def eight_schools_noncentered(data):
    mu = numpyro.sample("mu", dist.Normal(0.0, 5.0))
    tau = numpyro.sample("tau", dist.HalfCauchy(5.0))
    raw = numpyro.sample("theta_trans", dist.Normal(0.0, 1.0).expand([8]).to_event(1))
    numpyro.sample("y", dist.Normal(mu + tau * raw, data["sigma"]), obs=data["y"])


def eight_schools_centered(data):
    mu = numpyro.sample("mu", dist.Normal(0.0, 5.0))
    tau = numpyro.sample("tau", dist.HalfCauchy(5.0))
    theta = numpyro.sample("theta", dist.Normal(mu, tau).expand([8]).to_event(1))
    numpyro.sample("y", dist.Normal(theta, data["sigma"]), obs=data["y"])


def kidscore_interaction(data):
    design, y = reference.designs("kidscore_interaction", data)
    beta = numpyro.sample("beta", dist.Normal(0.0, 1e5).expand([4]).to_event(1))
    sigma = numpyro.sample("sigma", dist.HalfCauchy(2.5))
    numpyro.sample("y", dist.Normal(jnp.asarray(design, float) @ beta, sigma), obs=y)


def mesquite(data):
    design, y = reference.designs("mesquite", data)
    beta = numpyro.sample("beta", dist.Normal(0.0, 1e6).expand([7]).to_event(1))
    sigma = numpyro.sample("sigma", dist.HalfNormal(1e6))
    numpyro.sample("y", dist.Normal(jnp.asarray(design) @ beta, sigma), obs=y)


def diamonds(data):
    design, y = reference.designs("diamonds", data)
    b = numpyro.sample("b", dist.Normal(0.0, 1.0).expand([24]).to_event(1))
    intercept = numpyro.sample("intercept", dist.StudentT(3.0, 8.0, 10.0))
    sigma = numpyro.sample(
        "sigma", dist.FoldedDistribution(dist.StudentT(3.0, 0.0, 10.0))
    )
    mean = intercept + jnp.asarray(design) @ b
    numpyro.sample("y", dist.Normal(mean, sigma), obs=y)


def garch11(data):
    y = jnp.asarray(data["y"])
    mu = numpyro.sample("mu", dist.Normal(0.0, 1e4))
    alpha0 = numpyro.sample("alpha0", dist.HalfNormal(1e4))
    # Uniform on the triangle alpha1 + beta1 < 1.
    alpha1 = numpyro.sample("alpha1", dist.Beta(1.0, 2.0))
    beta1 = numpyro.sample("beta1", dist.Uniform(0.0, 1.0 - alpha1))

    def step(variance, value):
        following = alpha0 + alpha1 * (value - mu) ** 2 + beta1 * variance
        return following, variance

    _, variance = jax.lax.scan(step, jnp.asarray(data["sigma1"] ** 2, float), y)
    numpyro.sample("y", dist.Normal(mu, jnp.sqrt(variance)), obs=y)


def gp_pois_regr(data):
    rho = numpyro.sample("rho", dist.Gamma(25.0, 4.0))
    alpha = numpyro.sample("alpha", dist.HalfNormal(2.0))
    raw = numpyro.sample("f_tilde", dist.Normal(0.0, 1.0).expand([11]).to_event(1))
    f = reference.covariance_factor(jnp, jnp.asarray(data["x"]), rho, alpha) @ raw
    numpyro.sample("k", dist.Poisson(jnp.exp(f)), obs=data["k"])


def model_of(name, found):
    """The model with its data, in the precision that it needs."""
    numpyro.enable_x64(name == "gp_pois_regr")
    return functools.partial(globals()[name], found.data)


def nuts(chain_method, name, found, seed):
    model = model_of(name, found)

    def run():
        chains = infer.MCMC(
            infer.NUTS(model),
            num_warmup=1_000,
            num_samples=1_000,
            num_chains=4,
            chain_method=chain_method,
            progress_bar=False,
        )
        chains.run(jax.random.PRNGKey(seed))
        numpyro.diagnostics.summary(chains.get_samples(group_by_chain=True))
        return chains.get_samples()

    return run, as_numpy


def guided(make, name, found, seed):
    model = model_of(name, found)

    def run():
        guide = make(model)
        optimizer = numpyro.optim.ClippedAdam(lambda i: 0.01 * 0.01 ** (i / NUM_STEPS))
        loss = infer.Trace_ELBO(num_particles=NUM_PARTICLES)
        svi = infer.SVI(model, guide, optimizer, loss)
        key, draw_key = jax.random.split(jax.random.PRNGKey(seed))
        result = svi.run(key, NUM_STEPS, progress_bar=False)
        shape = (NUM_DRAWS,)
        draws = guide.sample_posterior(draw_key, result.params, sample_shape=shape)
        return jax.block_until_ready(draws)

    return run, as_numpy


def pathfinder(name, found, seed):
    import blackjax  # starts JAX's devices, whose number `nuts` has to set before

    model = model_of(name, found)

    def run():
        keys = jax.random.split(jax.random.PRNGKey(seed), 3)
        start = infer.util.initialize_model(keys[0], model)
        log_density = jax.jit(lambda z: -start.potential_fn(z))
        state, _ = blackjax.vi.pathfinder.approximate(
            keys[1], log_density, start.param_info.z
        )
        draws, _ = blackjax.vi.pathfinder.sample(keys[2], state, NUM_DRAWS)
        return jax.block_until_ready(jax.vmap(start.postprocess_fn)(draws))

    return run, as_numpy


def as_numpy(draws):
    return {name: np.asarray(values, np.float64) for name, values in draws.items()}


if __name__ == "__main__":
    numpyro.set_host_device_count(4)
    if jax.local_device_count() != 4:
        raise RuntimeError(
            f"JAX has {jax.local_device_count()} devices, and the four chains of NUTS "
            "would run one after the other: something imported here starts JAX before "
            "set_host_device_count."
        )
    answer(
        dict(
            nuts=functools.partial(nuts, "parallel"),
            nuts_in_turn=functools.partial(nuts, "sequential"),
            iaf=functools.partial(guided, infer.autoguide.AutoIAFNormal),
            normal=functools.partial(guided, infer.autoguide.AutoMultivariateNormal),
            pathfinder=pathfinder,
        )
    )
