"""KL to the true density with the default recipe, over targets and seeds.

    python -m benchmarks.fit_quality --targets example1 example2 example3 --num-seeds 8

Prints the median and worst KL per target, and writes every value as JSON with --out. The
seed of a run is that of the flow's initial values and of its fit.
"""

import argparse
import json
import pathlib

import numpy as np

import tfp_flows as tff

BUILDERS = {"planar": tff.planar_flow, "radial": tff.radial_flow}


def fit_and_judge(target, build, num_layers, seed, num_steps):
    flow = build(2, num_layers, seed=seed)
    result = tff.vi.fit_reverse_kl(
        flow,
        target.unnormalized_log_prob,
        num_steps=num_steps,
        seed=seed,
        progress_bar=False,
    )
    # Another seed than the fit's; exact density, hard edges included.
    report = tff.diagnostics.evaluate(flow, target, seed=10_000 + seed)
    return dict(seed=seed, seconds=result.seconds, **report.to_dict())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=list(tff.targets.names()))
    parser.add_argument("--flow", choices=BUILDERS, default="planar")
    parser.add_argument("--num-layers", type=int, default=16)
    parser.add_argument("--num-steps", type=int, default=10_000)
    parser.add_argument("--num-seeds", type=int, default=8)
    parser.add_argument("--out", default=None)
    args = parser.parse_args()

    results = {}
    for name in args.targets:
        target = tff.targets.get(name)
        runs = [
            fit_and_judge(
                target, BUILDERS[args.flow], args.num_layers, seed, args.num_steps
            )
            for seed in range(args.num_seeds)
        ]
        results[name] = runs
        kls = np.array([run["kl"] for run in runs])
        seconds = np.median([run["seconds"] for run in runs])
        print(
            f"{name:9} K={args.num_layers} KL median {np.median(kls):.3f} worst "
            f"{np.max(kls):.3f} of {np.array2string(np.sort(kls), precision=3)}, "
            f"{seconds:.1f} s per fit",
            flush=True,
        )
    if args.out is not None:
        settings = vars(args)
        pathlib.Path(args.out).write_text(
            json.dumps(dict(settings=settings, results=results), indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
