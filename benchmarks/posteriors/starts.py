"""What a Gaussian start finds: on real posteriors, odd densities, and in other units.

`python -m benchmarks.posteriors.starts --data FOLDER` prints three tables, a line a seed.
The folder holds the data of posteriordb and `reference.json`; see `reference.read`.
"""

import argparse
import time

import numpy as np

import tfp_flows as tff
from benchmarks.posteriors import models, reference, synthetic
from tfp_flows.posteriors.model import as_model

_NUM_DRAWS = 20_000


def real(folder, names, num_seeds):
    """Worst errors of draws of the Gaussian, raw and by weight, of each seed."""
    for name in names:
        found = reference.read(name, folder)
        posterior = models.build(name, found.data)
        model = as_model(posterior.joint, posterior.pins)
        for seed in range(num_seeds):
            cpu = time.process_time()
            start = tff.vi.gaussian_start(
                model.log_prob_fn, model.event_size, dtype=model.dtype, seed=seed
            )
            cpu = time.process_time() - cpu
            gaussian = start.distribution()
            x = gaussian.sample(_NUM_DRAWS, seed=seed)
            log_weights = model.log_prob_fn(x) - gaussian.log_prob(x)
            draws = {
                key: part.numpy().astype(np.float64)
                for key, part in model.constrain(x)._asdict().items()
            }
            values = reference.parameters(name, found.data, draws)
            smoothed, _ = tff.numerics.psis(log_weights.numpy().astype(np.float64))
            raw, weighted = (
                "{:6.3f} {:6.3f}".format(
                    *reference.errors(found, *reference.moments(values, log_w))
                )
                for log_w in (None, smoothed)
            )
            yield f"{name:26} {seed} {raw} {weighted} {cpu:6.1f} {start}"


def odd(num_seeds):
    """Synthetic densities."""
    for name, (log_prob_fn, event_size) in synthetic.all_of_them():
        for seed in range(num_seeds):
            try:
                found = tff.vi.gaussian_start(log_prob_fn, event_size, seed=seed)
            except ValueError as error:
                found = f"ValueError: {error}"
            yield f"{name:28} {seed} {found}"


def rescaled(folder, num_scalings):
    """ELBOs of densities whose coordinates are scaled by 1e-3 to 1e4, less their own."""
    name = "eight_schools_noncentered"
    posterior = models.build(name, reference.read(name, folder).data)
    schools = as_model(posterior.joint, posterior.pins)
    targets = dict(
        poisson_effects_20=synthetic.poisson_random_effects(20),
        mixture=synthetic.mixture(),
        gaussian_10=synthetic.gaussian(10),
        eight_schools_noncentered=(schools.log_prob_fn, schools.event_size),
    )
    for name, (log_prob_fn, event_size) in targets.items():
        own = tff.vi.gaussian_start(log_prob_fn, event_size, seed=0).elbo
        differences = []
        for seed in range(num_scalings):
            rng = np.random.default_rng(seed)
            scales = 10.0 ** rng.uniform(-3.0, 4.0, event_size)
            target, _ = synthetic.rescaled(log_prob_fn, event_size, scales)
            found = tff.vi.gaussian_start(target, event_size, seed=seed)
            differences.append(found.elbo - own)
        differences = np.array2string(np.array(differences), precision=3)
        yield f"{name:26} {own:10.3f} {differences}"


def main():
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", required=True, help="folder of posteriordb's JSON files"
    )
    parser.add_argument("--num-seeds", type=int, default=3)
    parser.add_argument("--num-scalings", type=int, default=10)
    parser.add_argument(
        "--only", nargs="*", choices=reference.NAMES, default=reference.NAMES
    )
    arguments = parser.parse_args()
    print("posterior, seed, errors of mean and sd: raw, weighted; CPU seconds; start")
    for line in real(arguments.data, arguments.only, arguments.num_seeds):
        print(line, flush=True)
    for line in odd(arguments.num_seeds):
        print(line, flush=True)
    for line in rescaled(arguments.data, arguments.num_scalings):
        print(line, flush=True)


if __name__ == "__main__":
    main()
