"""What the commands do.

Imports are inside the functions: they load TensorFlow, for seconds, which `--help` and
mistyped arguments need not wait for.
"""

import pathlib
import subprocess
import sys


def run_reproduce(args):
    """`tfp-flows reproduce`."""
    from tfp_flows.experiments.reproduce import ReproduceConfig, reproduce

    if args.quick:
        config = ReproduceConfig.quick(seed=args.seed)
    else:
        config = ReproduceConfig(seed=args.seed)
    results = reproduce(args.out, config)
    out = pathlib.Path(args.out)
    print((out / "results.md").read_text("utf-8"))
    print(f"Figures in {out / 'report' / 'imgs'}, in {results['seconds']:.0f} s.")
    return 0


def run_density(args):
    """`tfp-flows density`."""
    from tfp_flows.experiments.density_estimation import (
        DensityConfig,
        estimate_densities,
    )

    if args.quick:
        config = DensityConfig.quick(seed=args.seed)
    else:
        config = DensityConfig(seed=args.seed)
    results = estimate_densities(args.out, config)
    out = pathlib.Path(args.out)
    print((out / "density.md").read_text("utf-8"))
    print(f"Figures in {out / 'imgs'}, in {results['seconds']:.0f} s.")
    return 0


def run_fit(args):
    """`tfp-flows fit`."""
    from tfp_flows import vi
    from tfp_flows.cli.load_target import load_target
    from tfp_flows.experiments.fit import FitConfig, fit

    target = load_target(args.target)
    config = FitConfig(
        family=args.flow,
        event_size=_event_size(target, args.event_size),
        num_layers=args.num_layers,
        num_steps=args.num_steps,
        sample_size=args.sample_size,
        seed=args.seed,
        jit_compile=args.jit_compile,
    )
    log_prob_fn = getattr(target, "unnormalized_log_prob", target)
    saved = f"Saved to {pathlib.Path(args.out) / 'flow.npz'}."
    try:
        result = fit(
            args.out,
            log_prob_fn,
            config,
            overwrite=args.overwrite,
            checkpoint_dir=args.checkpoint,
            tensorboard_dir=args.tensorboard,
        )
    except vi.FitError as error:
        print(f"tfp-flows: error: {error} {saved}", file=sys.stderr)
        return 1
    print(result)
    print(saved)
    return 0


def run_evaluate(args):
    """`tfp-flows evaluate`."""
    from tfp_flows import distributions
    from tfp_flows.cli.load_target import load_target
    from tfp_flows.experiments.report_card import evaluate_file
    from tfp_flows.files import prepare_folder, write_json

    flow = distributions.load(args.flow)
    target = load_target(args.target)
    _event_size(target, flow.event_shape[0])
    for file in (args.out, args.figure):
        if file is not None:
            prepare_folder(pathlib.Path(file).parent)
    report = evaluate_file(
        args.flow,
        flow,
        target,
        num_samples=args.num_samples,
        seed=args.seed,
        figure=args.figure,
    )
    print(report)
    if args.out is not None:
        write_json(args.out, report.to_dict())
    return 0


def run_sample(args):
    """`tfp-flows sample`."""
    from tfp_flows import distributions
    from tfp_flows.experiments.sample import sample_writer

    writer = sample_writer(args.out)
    flow = distributions.load(args.flow)
    writer(flow, num_samples=args.num_samples, seed=args.seed)
    print(f"Wrote {args.num_samples} samples to {args.out}.")
    return 0


def run_report(args):
    """`tfp-flows report`."""
    from tfp_flows.experiments.report import report

    root = _source_checkout("report/report.typ", what="report", command="report")
    # A short run must not replace the results of a full one.
    default = root / "results" / "quick-report" if args.quick else root / "report"
    out = default if args.out is None else pathlib.Path(args.out)
    path = report(out, root, quick=args.quick, rerun=args.rerun, seed=args.seed)
    print(path)
    return 0


def run_vae(args):
    """`tfp-flows vae`."""
    from tfp_flows.experiments import vae

    config = vae.VaeConfig(
        flow=args.flow,
        num_layers=args.num_layers,
        latent_size=args.latent_size,
        networks=args.networks,
        binarization=args.binarization,
        num_epochs=args.epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        schedule=args.schedule,
        warm_up_epochs=args.warm_up_epochs,
        num_importance_samples=args.num_importance_samples,
        jit_compile=args.jit_compile,
        seed=args.seed,
    )
    results = vae.run(args.out, args.data, config, overwrite=args.overwrite)
    test = results["test"]
    print(
        f"Test images, nats per image: -ELBO {test['negative_elbo']:.2f} ± "
        f"{test['negative_elbo_standard_error']:.2f}, -log p(x) with "
        f"{test['num_samples']} importance samples {test['importance_nll']:.2f} ± "
        f"{test['importance_nll_standard_error']:.2f}."
    )
    print(f"Files in {pathlib.Path(args.out)}, in {results['seconds']:.0f} s.")
    return 0


def run_bench(args):
    """`tfp-flows bench`."""
    root = _source_checkout()
    # A process of its own, as small as can be: the memory of its workers is measured, and
    # a process starts with the peak of its parent. Not `-m`, so that it runs in the
    # current folder, which relative paths among the arguments mean, without importing
    # from there.
    code = (
        f"import runpy, sys; sys.path.insert(0, {str(root)!r}); "
        "runpy.run_module('benchmarks', run_name='__main__', alter_sys=True)"
    )
    command = [sys.executable, "-c", code, *args.arguments]
    return subprocess.run(command, check=False).returncode


def run_notebooks(args):
    """`tfp-flows notebooks`."""
    root = _source_checkout("notebooks", what="set of notebooks", command="notebooks")
    from tfp_flows.experiments.notebooks import run_notebooks as execute

    written = execute(root / "notebooks", only=args.only, quick=args.quick, out=args.out)
    if written:
        print(f"{len(written)} notebooks, with outputs, in {written[0].parent}.")
    else:
        print("All ran. Of quick runs nothing is stored without --out.")
    return 0


def _source_checkout(path="benchmarks/__main__.py", what="benchmark", command="bench"):
    """The folder that holds `path`: the one of the package, or the current one."""
    candidates = [pathlib.Path(__file__).parents[2], pathlib.Path.cwd()]
    for folder in candidates:
        if (folder / path).exists():
            return folder
    raise FileNotFoundError(
        f"The {what} is part of a source checkout of tfp_flows, not of the installed "
        f"package, and the current folder has no {path}; run tfp-flows {command} in the "
        "top folder of a checkout."
    )


def _event_size(target, given):
    """The event size of `target`, which `given` must not contradict."""
    shape = getattr(target, "event_shape", None)
    if shape is None:
        if given is None:
            raise ValueError(
                "The size of the target's vectors is unknown; pass it with --event-size."
            )
        return given
    if given is not None and list(shape) != [given]:
        raise ValueError(
            f"Wrong event size: the flow's is {given}, but target {target.name} is a "
            f"density of vectors of size {shape[0]}; use a flow with --event-size "
            f"{shape[0]}."
        )
    return shape[0]
