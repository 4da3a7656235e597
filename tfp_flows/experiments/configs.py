"""What the experiments can be told; loads nothing, as `--help` shows it all.

A field says once what it is called, its default and what it means: the command line takes
its options from here.
"""

import dataclasses
from typing import Any, TypeVar

from tfp_flows.names import FAMILIES

# Keys of `density_flows.FLOWS` and `toy_points.TOY_POINTS`.
DENSITY_FLOWS = (
    "planar",
    "planar_inverted",
    "radial",
    "radial_inverted",
    "sylvester_inverted",
    "real_nvp",
    "real_nvp_large",
)
TOY_POINTS = ("two_moons", "two_moons_sharp", "circles", "pinwheel")
VAE_FLOWS = (
    "none",
    "planar",
    "radial",
    "sylvester-orthogonal",
    "sylvester-householder",
    "sylvester-triangular",
    "shared-planar",
    "shared-radial",
)

_Config = TypeVar("_Config", "ReproduceConfig", "DensityConfig")


def setting(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] | None = None,
    option: str | None = None,
) -> Any:
    """A field of a configuration.

    Args:
      default: its default.
      help: what it means, for readers of `--help`.
      choices: what a string can be; checked by the command line.
      option: its name on the command line, if that is not the name of the field.

    Returns:
      `dataclasses.Field`.
    """
    metadata = dict(help=help, choices=choices, option=option)
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class FitConfig:
    """What `fit` fits, and how; `None` is the default of `tff.vi.fit_reverse_kl`."""

    family: str = setting("planar", "kind of layers", choices=FAMILIES, option="flow")
    num_layers: int = setting(16, "length K")
    event_size: int | None = setting(
        None,
        "size D of the vectors; needed for module:function, built-ins know theirs",
    )
    num_steps: int | None = setting(
        None, "updates; by default 4,000 to 10,000, by the size of the flow"
    )
    sample_size: int | None = setting(
        None, "samples per update; by default 2,048 or 4,096, by the size of the flow"
    )
    batch_size: int | None = setting(
        None, "rows of --data per update; by default, all of them"
    )
    seed: int = setting(0, "seed of everything")
    jit_compile: bool | None = setting(
        None, "compile with XLA or not; by default, as tff.vi.fit_reverse_kl does"
    )


@dataclasses.dataclass(frozen=True)
class PosteriorConfig:
    """What `posterior` fits, and how; `None` is the default of `tff.fit_posterior`."""

    family: str | None = setting(
        None, "kind of layers; by default, by the number of unknowns", choices=FAMILIES
    )
    num_layers: int | None = setting(None, "length K; by default, by the kind")
    num_steps: int | None = setting(
        None, "updates; by default as many as it takes, none where a Gaussian is good"
    )
    sample_size: int | None = setting(None, "samples per update; by default 512 or more")
    seed: int = setting(0, "seed of everything")


@dataclasses.dataclass(frozen=True)
class ReproduceConfig:
    """What `reproduce` runs; the defaults are the full experiment."""

    examples: tuple[str, ...] = setting(
        ("example1", "example2", "example3"), "built-in targets"
    )
    families: tuple[str, ...] = setting(("planar", "radial"), "kinds of layers")
    num_layers: tuple[int, ...] = setting((2, 4, 8, 16, 32), "lengths K of the flows")
    num_steps: int | None = setting(None, "updates per fit, as of `fit`")
    sample_size: int | None = setting(None, "samples per update, as of `fit`")
    jit_compile: bool | None = setting(None, "compile with XLA or not, as of `fit`")
    num_evaluation_samples: int = setting(100_000, "samples by which a fit is judged")
    num_chains: int = setting(200, "Metropolis chains per target")
    num_chain_samples: int = setting(1_000, "samples kept per chain")
    num_burnin: int = setting(10_000, "burn-in steps per chain")
    thinning: int = setting(200, "steps per kept sample")
    seed: int = setting(0, "seed of everything")

    @classmethod
    def quick(cls, seed: int = 0) -> "ReproduceConfig":
        """A short version: shorter flows and fits, one family, the same files."""
        return cls(
            families=("planar",),
            num_layers=(2, 4, 8, 16),
            num_steps=400,
            sample_size=256,
            num_evaluation_samples=50_000,
            num_chain_samples=500,
            num_burnin=1_000,
            thinning=20,
            # XLA would compile for longer than these fits run.
            jit_compile=False,
            seed=seed,
        )


@dataclasses.dataclass(frozen=True)
class DensityConfig:
    """What `estimate_densities` runs; the defaults are the full experiment."""

    points: tuple[str, ...] = setting(TOY_POINTS, "names of `toy_points.TOY_POINTS`")
    flows: tuple[str, ...] = setting(DENSITY_FLOWS, "names of `density_flows.FLOWS`")
    num_layers: int = setting(
        32,
        "K of planar and radial flows; Sylvester ones have K / 2 layers of two units, "
        "RealNVP 6 couplings",
    )
    num_train: int = setting(
        10_000, "points to train on, of which a tenth is held out to stop by"
    )
    num_test: int = setting(10_000, "other points, by which flows are judged")
    num_steps: int = setting(10_000, "updates per fit, at most")
    batch_size: int = setting(256, "points per update")
    jit_compile: bool | None = setting(
        None, "compile with XLA or not, as of `tff.vi.fit_maximum_likelihood`"
    )
    seed: int = setting(0, "seed of everything")

    @classmethod
    def quick(cls, seed: int = 0) -> "DensityConfig":
        """A short version: fewer flows, points and steps, the same files."""
        return cls(
            points=("two_moons", "circles", "pinwheel"),
            flows=("planar_inverted", "radial_inverted", "real_nvp"),
            num_test=2_000,
            num_steps=1_500,
            seed=seed,
        )


def full_or_quick(config_class: type[_Config], quick: bool, seed: int) -> _Config:
    """The configuration of a full experiment, or of its short version."""
    return config_class.quick(seed=seed) if quick else config_class(seed=seed)


@dataclasses.dataclass(frozen=True)
class VaeConfig:
    """What `vae.run` trains, and how."""

    flow: str = setting("planar", "kind of posterior", choices=VAE_FLOWS)
    num_layers: int = setting(20, "length K of the flow")
    latent_size: int = setting(20, "size D of z")
    networks: str = setting("mlp", "encoder and decoder", choices=("mlp", "gated_conv"))
    binarization: str = setting(
        "dynamic",
        "new Bernoulli samples in each epoch, or 1 above 0.5",
        choices=("dynamic", "fixed"),
    )
    num_epochs: int = setting(60, "passes through the data", option="epochs")
    batch_size: int = setting(128, "images per update")
    learning_rate: float = setting(1e-3, "of Adam")
    schedule: str = setting(
        "cosine",
        "of the learning rate; cosine ends at 0",
        choices=("cosine", "constant"),
    )
    warm_up_epochs: int = setting(
        20, "epochs over which the weight of the KL term rises to 1; 0 for none"
    )
    num_importance_samples: int = setting(
        500, "samples per test image for its likelihood"
    )
    jit_compile: bool = setting(False, "compile the training step with XLA")
    seed: int = setting(0, "seed of everything")
