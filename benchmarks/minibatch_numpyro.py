"""NumPyro's `AutoMultivariateNormal` on batches of rows, for `benchmarks.minibatch`.

    python -m benchmarks.minibatch_numpyro rows.npz answers.npz 1000 10000

The arguments are files of x `[N, D]` and y `[N]`, and of the answer, the rows of a batch
(`subsample_size`), and the number of steps of Adam, at a rate that falls from 0.01 to
0.0001. The answer has means, standard deviations, and seconds, with compilation.
"""

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro import infer


def model(x, y, batch_size):
    size = x.shape[1]
    z = numpyro.sample("z", dist.Normal(jnp.zeros(size), 1.0).to_event(1))
    with numpyro.plate("rows", len(y), subsample_size=batch_size) as rows:
        numpyro.sample("y", dist.Bernoulli(logits=x[rows] @ z), obs=y[rows])


def fit(x, y, batch_size, num_steps):
    """Mean and standard deviation of the fitted normal, and seconds."""
    started = time.perf_counter()
    guide = infer.autoguide.AutoMultivariateNormal(model)
    optimizer = numpyro.optim.ClippedAdam(lambda i: 0.01 * 0.01 ** (i / num_steps))
    svi = infer.SVI(model, guide, optimizer, infer.Trace_ELBO())
    key = jax.random.PRNGKey(0)
    result = svi.run(key, num_steps, x, y, batch_size, progress_bar=False)
    normal = guide.get_posterior(result.params)
    mean, sd = np.asarray(normal.mean), np.sqrt(np.diagonal(normal.covariance_matrix))
    return mean, sd, time.perf_counter() - started


def main():
    source, answer, batch_size, num_steps = sys.argv[1:]
    with np.load(source) as rows:
        x, y = jnp.asarray(rows["x"]), jnp.asarray(rows["y"])
    mean, sd, seconds = fit(x, y, int(batch_size), int(num_steps))
    np.savez(answer, mean=mean, sd=sd, seconds=seconds)


if __name__ == "__main__":
    main()
