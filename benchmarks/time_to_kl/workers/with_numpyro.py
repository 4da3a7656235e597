"""The flows of NumPyro's `AutoBNAFNormal` and `AutoIAFNormal`, in one compiled loop.

`SVI` only makes their parameters: its loop anneals nothing, and has no faster step.
"""

import numpyro
import numpyro.distributions as dist
from numpyro.infer import SVI, Trace_ELBO, autoguide

from benchmarks.time_to_kl.densities import DENSITIES
from benchmarks.time_to_kl.workers.jax_loop import Trainer
from benchmarks.time_to_kl.workers.protocol import answer

GUIDES = dict(
    block=lambda model: autoguide.AutoBNAFNormal(model, num_flows=2),
    iaf=lambda model: autoguide.AutoIAFNormal(model, num_flows=4, hidden_dims=[32, 32]),
)


def build(job):
    """The trainer of a job."""
    event_size = DENSITIES[job["target"]].event_size

    def model():
        support = dist.constraints.real_vector
        numpyro.sample("x", dist.ImproperUniform(support, (), (event_size,)))

    guide = GUIDES[job["form"]](model)

    def sample_and_log_prob(parameters, key, num_samples):
        flow = guide.get_posterior(parameters)
        x, intermediates = flow.sample_with_intermediates(key, (num_samples,))
        return x, flow.log_prob(x, intermediates)

    def initialize(key):
        svi = SVI(model, guide, numpyro.optim.Adam(1e-3), Trace_ELBO())
        return svi.get_params(svi.init(key)), sample_and_log_prob

    return Trainer(job["target"], initialize)


if __name__ == "__main__":
    answer(build, ("numpyro", "jax", "optax", "numpy"))
