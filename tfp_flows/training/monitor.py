"""What a running fit shows: a progress bar, and TensorBoard's event files."""

import importlib.util

import numpy as np
import tensorflow as tf

from tfp_flows.files import as_path
from tfp_flows.progress import tqdm
from tfp_flows.training.event import Event
from tfp_flows.training.run import Run
from tfp_flows.types import PathLike


class Monitor(Event):
    """A progress bar on stderr, and scalars for TensorBoard.

    It shows what the objective's `describe` makes of the mean loss of a call.
    """

    def __init__(
        self, *, progress_bar: bool, tensorboard_dir: PathLike | None = None
    ) -> None:
        """Opens the event file.

        Args:
          progress_bar: whether to show one.
          tensorboard_dir: folder for an event file, or `None`.

        Raises:
          ImportError: if there is a folder, but no TensorBoard to write to it.
          OSError: if the folder cannot be written to.
        """
        self._progress_bar = progress_bar
        self._bar: tqdm = None
        self._writer: tf.summary.SummaryWriter = None
        if tensorboard_dir is not None:
            folder = as_path(tensorboard_dir, "tensorboard_dir")
            # TensorFlow says so at the first scalar, in the middle of a fit.
            if importlib.util.find_spec("tensorboard") is None:
                raise ImportError(
                    "`tensorboard_dir` needs the package tensorboard, which TensorFlow "
                    "does not bring; pip install 'tfp_flows[tensorboard]'."
                )
            try:
                self._writer = tf.summary.create_file_writer(str(folder))
            except tf.errors.OpError as error:
                raise OSError(
                    f"Cannot write to tensorboard_dir={str(tensorboard_dir)!r}: "
                    f"{error.message}; pass a folder that can be written to."
                ) from error

    def start(self, run: Run) -> None:
        """Opens the bar, at the step of the run."""
        self._bar = tqdm(
            total=run.num_steps,
            initial=run.step,
            disable=not self._progress_bar,
            unit="step",
        )

    def update(self, run: Run) -> None:
        """Shows the means over the steps of the last call."""
        loss, beta, norm = (
            float(np.mean(trace.astype(np.float64))) for trace in run.traces.last_call
        )
        judged = run.objective.describe(loss)
        self._bar.set_postfix(
            {name: f"{value:.4f}" for name, value in judged.items()}, refresh=False
        )
        self._bar.update(len(run.traces.last_call[0]))
        if self._writer is None:
            return
        scalars = dict(loss=loss, beta=beta, gradient_norm=norm, **judged)
        with self._writer.as_default(step=run.step):
            for name, value in scalars.items():
                tf.summary.scalar(f"fit/{name}", value)

    def close(self) -> None:
        """Closes both."""
        if self._bar is not None:
            self._bar.close()
        if self._writer is not None:
            self._writer.close()
