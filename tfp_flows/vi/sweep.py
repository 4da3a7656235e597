"""Many independent fits, over processes or machines, by joblib."""

import importlib
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tfp_flows import numerics
from tfp_flows.files import prepare_folder
from tfp_flows.types import PathLike


def fit_many(
    fit_fn: Callable[..., Any],
    arguments: Sequence[Mapping[str, Any]],
    *,
    num_workers: int = 2,
    checkpoint_dir: PathLike | None = None,
    num_attempts: int = 3,
) -> list[Any]:
    """Calls a function with each of many arguments, in processes of their own.

    For sweeps over seeds, families or targets. The processes are joblib's: by default
    those of this machine; of a cluster within `joblib.parallel_config`, which knows dask,
    ray and others. Where a process dies, by a signal or for want of memory, what was not
    done is done again, in new ones, and goes on from its checkpoints.

    #### Example

    ```python
    def fit(seed, checkpoint_dir):
        flow = tff.planar_flow(2, 16, seed=seed)
        target = tff.targets.get("u1")
        result = tff.vi.fit_reverse_kl(
            flow, target, seed=seed, checkpoint_dir=checkpoint_dir, progress_bar=False
        )
        return float(result.final_loss)


    losses = tff.vi.fit_many(fit, [dict(seed=i) for i in range(8)], checkpoint_dir="u1")
    ```

    Args:
      fit_fn: function of the arguments of a job, and of `checkpoint_dir` if there is one,
        that can be sent to another process, as can be what it returns.
      arguments: of each job, a `dict`.
      num_workers: how many processes there are at once, at least 2.
      checkpoint_dir: folder in which job i has a folder `i` of its own; `None` is none.
      num_attempts: how often jobs are begun at most, if processes die.

    Returns:
      List of what the jobs returned, in their order.

    Raises:
      ImportError: if there is no joblib.
      TypeError: if `fit_fn` is no function, or `arguments` are no `dict`s.
      ValueError: if a number is out of range.
      RuntimeError: if processes died at the last attempt. What a job itself raises ends
        the sweep, and is raised as it is.
    """
    numerics.check_size("num_workers", num_workers, least=2)
    numerics.check_size("num_attempts", num_attempts)
    numerics.check_callable("fit_fn", fit_fn, "a function")
    jobs = [dict(job) for job in _checked(arguments)]
    if checkpoint_dir is not None:
        folder = pathlib.Path(prepare_folder(checkpoint_dir, "checkpoint_dir"))
        for index, job in enumerate(jobs):
            job["checkpoint_dir"] = str(folder / str(index))
    try:
        joblib = importlib.import_module("joblib")
    except ImportError as error:
        raise ImportError("`fit_many` needs joblib: pip install joblib.") from error
    results: dict[int, Any] = {}
    for _ in range(num_attempts):
        left = [index for index in range(len(jobs)) if index not in results]
        pool = joblib.Parallel(n_jobs=num_workers, batch_size=1, return_as="generator")
        try:
            # The first jobs begin here: a worker may die before the others are sent.
            found = pool(joblib.delayed(fit_fn)(**jobs[index]) for index in left)
            for index, result in zip(left, found, strict=True):
                results[index] = result
            return [results[index] for index in range(len(jobs))]
        except joblib.externals.loky.process_executor.TerminatedWorkerError as error:
            died = error
    raise RuntimeError(
        f"Processes died at each of {num_attempts} attempts, with {len(results)} of "
        f"{len(jobs)} jobs done: {died} Are they short of memory? Then pass fewer "
        "`num_workers`."
    ) from died


def _checked(arguments: Any) -> Iterable[Mapping[str, Any]]:
    is_sequence = isinstance(arguments, Sequence) and not isinstance(arguments, str)
    if not is_sequence or not all(isinstance(job, Mapping) for job in arguments):
        raise TypeError(
            "`arguments` must be a list of dicts, the arguments of each job, but got "
            f"{arguments!r}."
        )
    return arguments
