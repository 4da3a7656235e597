"""Several starts of one flow, of which the best becomes it."""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics
from tfp_flows.training import Tournament, take_members

_DEFAULT_STARTS = 8
# Fewer samples than this make a gradient too noisy to compare starts by.
_LEAST_SAMPLES = 64


class Starts(Tournament):
    """A `Tournament` whose leader is what a flow becomes, however the fit ends."""

    def __init__(self, flow: tfd.Distribution, num_starts: int, num_steps: int) -> None:
        """Takes the flow, of batch shape `[...]`; see base class for the rest."""
        super().__init__(num_starts, num_steps)
        self._flow = flow

    def conclude(self, fields: dict[str, Any]) -> dict[str, Any]:
        """See base class; the result is that of the flow."""
        return super().conclude(fields) | dict(flow=self._flow)

    def close(self) -> None:
        """Gives the flow the values of the leader."""
        leader = self.leader()
        for variable, members in zip(
            self._flow.trainable_variables, self._run.variables, strict=True
        ):
            variable.assign(take_members(members.numpy(), leader)[0])


def resolve_num_starts(
    num_starts: int | None,
    flow: tfd.Distribution,
    sample_size: int,
    has_default_optimizer: bool,
) -> int:
    """R as given and checked, or the default, for `sample_size` S.

    Raises:
      ValueError: if it is no power of 2 from 1 to 16, S is no multiple of it, or the flow
        cannot be built anew.
    """
    can_start = hasattr(flow, "rebuild")
    if num_starts is None:
        fitting = [
            n
            for n in (_DEFAULT_STARTS, 4, 2)
            if sample_size % n == 0 and sample_size // n >= _LEAST_SAMPLES
        ]
        return fitting[0] if fitting and can_start and has_default_optimizer else 1
    num_starts = numerics.check_size("num_starts", num_starts)
    if num_starts not in (1, 2, 4, 8, 16) or sample_size % num_starts:
        raise ValueError(
            "`num_starts` must be 1, 2, 4, 8 or 16, and divide `sample_size`, but got "
            f"num_starts={num_starts}, sample_size={sample_size}."
        )
    if num_starts > 1 and not can_start:
        raise ValueError(
            f"{flow.name} cannot be started anew: only flows as the builders return them "
            "can. Pass num_starts=1, or a builder to tff.vi.fit_restarts."
        )
    return num_starts


def build_starts(
    flow: tfd.Distribution, num_starts: int, seed: tf.Tensor
) -> tfd.Distribution:
    """A batch of R flows, `[R, ...]`: `flow`, and R - 1 from other initial values.

    Raises:
      ValueError: if the flow has variables that are not of its layers, such as those of a
        trainable base.
    """
    seed = tfp.random.split_seed(seed, n=1, salt="build_starts")[0]
    starts = flow.rebuild(seed=seed, batch_shape=[num_starts, *flow.batch_shape])
    batch = [list(v.shape) for v in starts.trainable_variables]
    expected = [[num_starts, *v.shape] for v in flow.trainable_variables]
    if batch != expected:
        raise ValueError(
            f"{flow.name} needs variables of shapes {expected} for its starts, but the "
            f"builder makes {batch}: a base with variables cannot be started anew; pass "
            "num_starts=1."
        )
    for variable, first in zip(
        starts.trainable_variables, flow.trainable_variables, strict=True
    ):
        variable.assign(tf.concat([first[tf.newaxis], variable[1:]], axis=0))
    return starts
