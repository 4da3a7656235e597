"""Tasks in processes of their own, as many at a time as there are cores."""

import concurrent.futures
import multiprocessing
import os
from collections.abc import Iterator, Mapping
from typing import Any

from tfp_flows.progress import tqdm
from tfp_flows.startup import load_tensorflow


def run_side_by_side(
    tasks: Mapping[str, tuple[Any, ...]],
    *,
    num_workers: int | None = None,
    progress_bar: bool = True,
) -> dict[str, Any]:
    """Runs tasks beside one another; the first come first.

    A fit in the plane keeps one core busy: on two cores, two of them take little longer
    than one. Tasks run in new interpreters, so that a script that comes here needs the
    guard `if __name__ == "__main__"`, as with all of `multiprocessing`.

    Args:
      tasks: dict, name = `(function, *arguments)`, which can be pickled, as their
        results.
      num_workers: most tasks at a time; `None` is one per core. One runs them in this
        process.
      progress_bar: whether to show on stderr how many are done.

    Returns:
      Dict, name = result, in the order of `tasks`.

    Raises:
      Exception: the first that a task raises; tasks that have not begun are dropped, and
        those that run are waited for. At an interrupt they are ended.
    """
    num_workers = min(num_workers or os.cpu_count() or 1, len(tasks))
    results = {}
    with tqdm(total=len(tasks), disable=not progress_bar, unit="run") as bar:
        for name, result in _completed(tasks, num_workers):
            results[name] = result
            bar.set_description(name)
            bar.update()
    return {name: results[name] for name in tasks}


def _completed(
    tasks: Mapping[str, tuple[Any, ...]], num_workers: int
) -> Iterator[tuple[str, Any]]:
    """Pairs of name and result, as they come."""
    if num_workers <= 1:
        for name, (function, *arguments) in tasks.items():
            yield name, function(*arguments)
        return
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    with concurrent.futures.ProcessPoolExecutor(
        num_workers, context, initializer=load_tensorflow
    ) as executor:
        try:
            names = {executor.submit(*task): name for name, task in tasks.items()}
            for future in concurrent.futures.as_completed(names):
                if future.exception() is not None:
                    executor.shutdown(wait=False, cancel_futures=True)
                yield names[future], future.result()
        except BaseException as error:
            # An interrupt does not wait for tasks of minutes.
            if not isinstance(error, Exception):
                for process in set(multiprocessing.active_children()) - others:
                    process.terminate()
            raise
