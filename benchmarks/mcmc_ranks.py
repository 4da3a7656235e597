"""Whether random walks leave their targets invariant, by ranks.

    python -m benchmarks.mcmc_ranks --out benchmarks/results

Writes mcmc_ranks.json and mcmc_ranks.md. In each replication an exact draw of the target
is put at a random place of a chain: the walk goes on from it, and, as the kernel is
reversible, another walk from it goes before. If the target is invariant, the rank of any
function of the draw among those of the other states is uniform, however long the chain is
(Gandy & Scott, Unit testing for MCMC and other Monte Carlo methods, 2020). Ties, of moves
that were rejected, are broken at random.
"""

import argparse

import numpy as np
import tensorflow as tf
from scipy import stats
from tensorflow_probability import distributions as tfd

import tfp_flows as tff
from benchmarks import machine
from benchmarks.markdown import number
from tfp_flows import files
from tfp_flows.experiments.tables import table_lines

_LENGTH = 19  # states beside the draw: 20 ranks
_STRIDE = 3  # transitions from one state to the next


def cases():
    """Targets, and what is asked of the walk, by name."""
    wide = dict(parameter_scales=[0.3, 3.0], initial_scale=1.0)
    found = {name: (tff.targets.get(name), {}) for name in tff.targets.names()}
    found["example1, two scales"] = (tff.targets.get("example1"), wide)
    found["square"] = (tfd.Sample(tfd.Uniform(-1.0, 1.0), 2), dict(initial_scale=1.0))
    found["normal, D = 10"] = (tfd.MultivariateNormalDiag(tf.zeros(10)), {})
    return found


def walk(target, start, seed, jit_compile, arguments):
    """States after `start`, `[_LENGTH, num_replications, D]`."""
    chains = tff.mcmc.random_walk_metropolis(
        target,
        num_chains=len(start),
        num_samples=_STRIDE * _LENGTH,
        num_burnin=0,
        initial_state=start,
        seed=seed,
        jit_compile=jit_compile,
        **arguments,
    )
    return chains.samples[_STRIDE - 1 :: _STRIDE]


def ranks(target, num_replications, seed, jit_compile, arguments):
    """Ranks of coordinates and log density of exact draws, `{name: [replications]}`."""
    start = target.sample(num_replications, seed=seed).numpy()
    after, before = (
        walk(target, start, tf.constant([seed, direction]), jit_compile, arguments)
        for direction in (1, 2)
    )
    rng = np.random.default_rng(seed)
    place = rng.integers(_LENGTH + 1, size=num_replications)
    is_after = np.arange(_LENGTH)[:, np.newaxis] < place
    states = np.where(is_after[..., np.newaxis], after, before[::-1])
    found = {}
    for name, function in {
        "x1": lambda x: x[..., 0],
        "x2": lambda x: x[..., 1],
        "log p": lambda x: target.log_prob(x).numpy(),
    }.items():
        draw, *values = function(np.concatenate([start[np.newaxis], states]))
        values = np.stack(values)
        is_below = np.where(
            values == draw,
            rng.uniform(size=values.shape) < rng.uniform(size=draw.shape),
            values < draw,
        )
        found[name] = np.sum(is_below, axis=0)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="benchmarks/results", help="folder")
    parser.add_argument("--num-replications", type=int, default=20_000)
    args = parser.parse_args()
    out = files.prepare_folder(args.out)
    rows = []
    for index, (name, (target, arguments)) in enumerate(cases().items()):
        for jit_compile in (False, True):
            found = ranks(target, args.num_replications, index, jit_compile, arguments)
            counts = {k: np.bincount(v, minlength=_LENGTH + 1) for k, v in found.items()}
            pvalues = {k: float(stats.chisquare(c).pvalue) for k, c in counts.items()}
            rows.append(dict(target=name, xla=jit_compile, pvalues=pvalues))
            print(rows[-1], flush=True)
    described = dict(
        machine=machine.describe(),
        date=machine.now(),
        num_replications=args.num_replications,
    )
    files.write_json(out / "mcmc_ranks.json", dict(described, rows=rows))
    lines = [
        "# Ranks of exact draws in chains that start at them",
        "",
        "Made by `python -m benchmarks.mcmc_ranks`: p-values of uniform ranks, over "
        f"{args.num_replications:,} replications.",
        "",
    ]
    names = list(rows[0]["pvalues"])
    lines += table_lines(
        ["", "compiled by", *names],
        [
            [row["target"], "XLA" if row["xla"] else "TensorFlow"]
            + [number(row["pvalues"][key], 2) for key in names]
            for row in rows
        ],
        num_left=2,
    )
    text = "\n".join(lines)
    files.write_text(out / "mcmc_ranks.md", text)
    print(text)


if __name__ == "__main__":
    main()
