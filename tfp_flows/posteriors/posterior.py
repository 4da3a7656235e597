"""What `fit_posterior` returns."""

import dataclasses
import functools
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import mcmc, numerics, vi
from tfp_flows.diagnostics import Evaluation
from tfp_flows.posteriors import arviz_data
from tfp_flows.posteriors.model import Model, path_names
from tfp_flows.posteriors.refine import refine
from tfp_flows.posteriors.refinement import Refinement
from tfp_flows.posteriors.summary import summarize
from tfp_flows.types import Seed

if TYPE_CHECKING:
    import arviz
    import pandas

Weighting = Literal["auto", "none", "psis", "resample"]
_WEIGHTINGS = ("auto", "none", "psis", "resample")


@dataclasses.dataclass(frozen=True, eq=False)
class Draws:
    """Draws of a posterior.

    Attributes:
      values: structure of the model's unknowns, of arrays `[n, *shape]`.
      log_weights: `[n]` float64 array, normalised: all `-log(n)` unless the draws are to
        be weighted.
      khat: Pareto k-hat of the importance weights that were used, else `None`. Above 0.7
        averages by these weights are unreliable; raw draws are judged by the verdict.
      refinement: `Refinement`, how they were made and whether they can be relied on, of
        the draws of `Posterior.refine`, else `None`.
    """

    values: Any
    log_weights: np.ndarray
    khat: float | None = None
    refinement: Refinement | None = None

    def __str__(self) -> str:
        parts = zip(path_names(self.values), tf.nest.flatten(self.values), strict=True)
        shapes = ", ".join(f"{name} {list(np.shape(part))}" for name, part in parts)
        how = "to be weighted" if np.ptp(self.log_weights) > 0.0 else "of equal weight"
        khat = "" if self.khat is None else f", k-hat {self.khat:.2f}"
        text = f"{len(self.log_weights)} draws {how}{khat}: {shapes}"
        return text if self.refinement is None else f"{text}\n{self.refinement}"


@dataclasses.dataclass(frozen=True, eq=False)
class Posterior:
    """A flow fitted to the posterior of a model, in the model's own space.

    Attributes:
      model: what was inferred: names, shapes, and the density over vectors.
      flow: `tfd.Distribution` of unconstrained vectors, `[D]`.
      evaluation: `tff.diagnostics.Evaluation`, how well it fits.
      fit: `tff.vi.FitResult` of the one fit after which `flow` is as it is, with steps
        and seconds of that alone; `None` where the start was good enough, or of a file.
        `fit_posterior` makes a second fit, which goes on where the first one ended, if
        that is not good after its 1,400 steps, and `num_steps` is not given. `fit` is of
        the second, with 1,500 or 6,000 steps, if it came out better, else of the first.
    """

    model: Model
    flow: tfd.Distribution
    evaluation: Evaluation
    fit: vi.FitResult | None = None

    @functools.cached_property
    def distribution(self) -> tfd.Distribution:
        """The posterior as a `tfd.Distribution` of the model's structure.

        For other models: it can be a part, such as the prior, of a joint distribution.
        """
        return tfd.TransformedDistribution(self.flow, self.model.bijector)

    @property
    def verdict(self) -> str:
        """Whether raw draws, weighted ones or none can be trusted; see `Evaluation`."""
        return self.evaluation.verdict

    def sample(self, sample_shape: Any = (), seed: Seed = None) -> Any:
        """Raw draws of the flow.

        Args:
          sample_shape: shape of the draws.
          seed: `int` or stateless TFP seed; `None` draws a new one.

        Returns:
          Structure of `Tensor`s `[*sample_shape, *shape]`.
        """
        return self.distribution.sample(sample_shape, seed=numerics.stateless_seed(seed))

    def log_prob(self, points: Any) -> tf.Tensor:
        """The log density of the flow at points of the model's space, `[...]`.

        Args:
          points: structure of `Tensor`s `[..., *shape]`.
        """
        return self.distribution.log_prob(points)

    def draws(self, n: int, *, weighting: Weighting = "auto", seed: Seed = None) -> Draws:
        """Draws, raw or corrected by importance weights.

        Args:
          n: number of draws.
          weighting: `"none"`, raw draws of the flow; `"psis"`, raw draws with
            Pareto-smoothed importance weights; `"resample"`, draws by such weights out of
            ten times as many; `"auto"`, `"none"` if the verdict is good, else
            `"resample"`.
          seed: `int` or stateless TFP seed; `None` draws a new one.

        Returns:
          `Draws`.

        Raises:
          ValueError: if `n` is no integer >= 1, at least 100 for `"psis"`, or
            `weighting` is none of these.
        """
        n = numerics.check_size("n", n)
        weighting = self._resolve(weighting)
        seed = numerics.stateless_seed(seed)
        if weighting == "none":
            vectors, khat = self.flow.sample(n, seed=seed), None
            log_weights = np.full(n, -np.log(n))
        else:
            if weighting == "psis":
                weighted = mcmc.importance_sample(
                    self.flow, self.model.log_prob_fn, num_samples=n, seed=seed
                )
            else:
                weighted = mcmc.importance_resample(
                    self.flow, self.model.log_prob_fn, n, seed=seed
                )
            vectors, khat = tf.constant(weighted.samples), weighted.khat
            log_weights = weighted.log_weights
        return Draws(self._values(vectors), log_weights, khat)

    def refine(
        self,
        n: int = 4_000,
        *,
        ess: float = 1_000.0,
        max_rounds: int = 6,
        num_refit_steps: int = 2_000,
        jit_compile: bool | None = None,
        seed: Seed = None,
    ) -> Draws:
        """Draws of the posterior itself, by as much sampling as the fit needs.

        By the verdict, they are the flow's own, drawn by importance weights, or samples
        of chains in the space of the flow, or a richer one: see `tff.posteriors.refine`,
        by which that flow and convergence are judged in unconstrained numbers.

        #### Example

        ```python
        draws = posterior.refine(seed=0)
        print(draws.refinement)                # the method, R-hat, ESS
        posterior.summary(draws=draws)
        ```

        Args:
          n: number of draws.
          ess: as of `tff.posteriors.refine`.
          max_rounds: as of `tff.posteriors.refine`.
          num_refit_steps: as of `tff.posteriors.refine`.
          jit_compile: whether to compile with XLA; `None` does where it can
            (`Model.can_compile`), and not after a fit with `jit_compile=False`.
          seed: `int` or stateless TFP seed; `None` draws a new one.

        Returns:
          `Draws` of equal weight, with `refinement`. Where they cannot be relied on, its
          `converged` is false, and a `RuntimeWarning` says why.

        Raises:
          ValueError: if a number is out of range.
          RuntimeError: if XLA cannot compile the model.
        """
        refinement = refine(
            self.flow,
            self.model.log_prob_fn,
            n,
            ess=ess,
            max_rounds=max_rounds,
            num_refit_steps=num_refit_steps,
            evaluation=self.evaluation,
            jit_compile=self.model.can_compile if jit_compile is None else jit_compile,
            seed=seed,
        )
        size = len(refinement.samples)
        return Draws(
            self._values(tf.constant(refinement.samples)),
            np.full(size, -np.log(size)),
            refinement.khat,
            refinement,
        )

    def summary(
        self,
        n: int = 10_000,
        *,
        weighting: Weighting = "auto",
        draws: Draws | None = None,
        seed: Seed = 0,
    ) -> "pandas.DataFrame":
        """Mean, standard deviation and quantiles of each unknown.

        Args:
          n: number of draws that they are estimated from.
          weighting: as of `draws`; here `"auto"` is `"none"` or `"psis"`.
          draws: those to summarise, as of `refine`; `None` draws new ones. Their standard
            errors are those of independent draws.
          seed: `int` or stateless TFP seed; `None` draws a new one.

        Returns:
          `pandas.DataFrame`, a row per number, named as ArviZ does (`theta[0]`), with the
          columns `mean`, `sd`, `5%`, `50%`, `95%`, and the Monte Carlo standard errors
          `mcse_mean` and `mcse_sd`.

        Raises:
          ValueError: as of `draws`.
        """
        weighting = self._resolve(weighting, weighted="psis")
        if draws is None:
            draws = self.draws(n, weighting=weighting, seed=seed)
        return summarize(self.model.named(draws.values), draws.log_weights)

    def to_arviz(
        self,
        n: int = 4_000,
        *,
        weighting: Weighting = "auto",
        predictive: bool = True,
        draws: Draws | None = None,
        seed: Seed = 0,
    ) -> "arviz.InferenceData":
        """Draws for ArviZ, with all that it can plot and compare.

        Args:
          n: number of draws.
          weighting: as of `draws`. Of `"psis"` the log weights are `log_weight` in
            `sample_stats`, which ArviZ's own statistics do not use.
          predictive: whether to add `log_likelihood`, of each observation, and
            `posterior_predictive`, as far as the model is a joint distribution.
          draws: those to export, as of `refine`; `None` draws new ones.
          seed: `int` or stateless TFP seed; `None` draws a new one.

        Returns:
          `arviz.InferenceData` of one chain; its posterior has the verdict, k-hat and the
          ELBO as attributes.

        Raises:
          ValueError: as of `draws`.
        """
        seed = numerics.stateless_seed(seed)
        if draws is None:
            draws = self.draws(n, weighting=weighting, seed=seed)
        return arviz_data.inference_data(
            self.model, draws, self.evaluation, predictive=predictive, seed=seed
        )

    def __str__(self) -> str:
        parts = zip(
            self.model.names, tf.nest.flatten(self.model.event_shape), strict=True
        )
        unknowns = ", ".join(f"{name}{list(shape) or ''}" for name, shape in parts)
        return f"{unknowns} ({self.model.event_size} numbers)\n{self.evaluation}"

    def _values(self, vectors: tf.Tensor) -> Any:
        return tf.nest.map_structure(np.asarray, self.model.constrain(vectors))

    def _resolve(
        self, weighting: Weighting, weighted: Weighting = "resample"
    ) -> Weighting:
        numerics.check_choice("weighting", weighting, _WEIGHTINGS)
        if weighting == "auto":
            return "none" if self.verdict == "good" else weighted
        return weighting
