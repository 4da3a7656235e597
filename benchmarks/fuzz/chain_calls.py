"""The public functions that draw by chains or weights, and posteriors of rows."""

import tfp_flows as tff
from benchmarks.fuzz import functions
from benchmarks.fuzz.call import numbers


def _flow_and_target(**more):
    return dict(flow=functions.flow(), **more, seed=0)


def _chain(name, function, **more):
    sizes = dict(num_chains=2, num_samples=6, num_burnin=2, jit_compile=False)
    return numbers(
        name,
        function,
        lambda: _flow_and_target(target=functions.target, **sizes, **more),
        lambda found: found.samples,
        is_slow=True,
    )


CHAINS = [
    numbers(
        "mcmc.random_walk_metropolis",
        tff.mcmc.random_walk_metropolis,
        lambda: dict(
            target_log_prob_fn=functions.target,
            num_chains=2,
            num_samples=6,
            num_burnin=2,
            event_size=2,
            seed=0,
        ),
        lambda found: found.samples,
        weight=2,
    ),
    numbers(
        "mcmc.importance_sample",
        tff.mcmc.importance_sample,
        lambda: _flow_and_target(target_log_prob_fn=functions.target, num_samples=200),
        lambda found: found.samples,
        weight=2,
    ),
    numbers(
        "mcmc.importance_resample",
        tff.mcmc.importance_resample,
        lambda: _flow_and_target(target_log_prob_fn=functions.target, num_samples=20),
        lambda found: found.samples,
        weight=2,
    ),
    _chain("mcmc.neutra", tff.mcmc.neutra),
    _chain(
        "mcmc.independence_metropolis",
        tff.mcmc.independence_metropolis,
        num_local_steps=1,
    ),
    numbers(
        "posteriors.refine",
        tff.posteriors.refine,
        lambda: _flow_and_target(
            target=functions.target,
            num_samples=20,
            ess=1.0,
            max_rounds=1,
            num_refit_steps=0,
            jit_compile=False,
        ),
        lambda found: found.samples,
        is_slow=True,
    ),
]
ROWS = [
    numbers(
        "density.RowwisePosterior",
        tff.density.RowwisePosterior,
        lambda: dict(
            log_prior_fn=functions.target,
            log_likelihood_fn=functions.log_likelihood,
            data=functions.points(),
            event_size=2,
        ),
        lambda posterior: posterior(functions.points()),
        weight=3,
    ),
    numbers(
        "vi.subsampled_start",
        tff.vi.subsampled_start,
        lambda: dict(posterior=functions.rows(), num_rows=6, seed=0),
        lambda found: [*found.location, *found.scale_tril.ravel(), found.elbo],
        is_slow=True,
    ),
]
