"""Long tasks in processes of their own, as many at a time as there are cores."""

import concurrent.futures
import multiprocessing
import sys
import time

from tfp_flows.progress import tqdm


def run_side_by_side(tasks, *, num_workers, progress_bar):
    """Runs tasks beside one another; the first come first.

    A fit in the plane keeps one core busy: on two cores, two of them take little longer
    than one. Tasks run in new interpreters, so that a script that comes here needs the
    guard `if __name__ == "__main__"`, as with all of `multiprocessing`.

    Args:
      tasks: dict, name = `(function, *arguments)`, which can be pickled.
      num_workers: most tasks at a time.
      progress_bar: whether to show on stderr which tasks are done.

    Raises:
      Exception: the first that a task raises; tasks that have not begun are dropped, and
        those that run are waited for.
    """
    context = multiprocessing.get_context("spawn")
    started = time.perf_counter()
    with (
        concurrent.futures.ProcessPoolExecutor(num_workers, context) as executor,
        tqdm(total=len(tasks), disable=not progress_bar, unit="experiment") as bar,
    ):
        names = {executor.submit(*task): name for name, task in tasks.items()}
        for future in concurrent.futures.as_completed(names):
            if future.exception() is not None:
                executor.shutdown(wait=False, cancel_futures=True)
                raise future.exception()
            if progress_bar:
                minutes = (time.perf_counter() - started) / 60.0
                text = f"{names[future]}: done after {minutes:.0f} minutes"
                tqdm.write(text, file=sys.stderr)
            bar.update()
