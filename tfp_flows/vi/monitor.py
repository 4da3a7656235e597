"""What a running fit shows: a progress bar, and TensorBoard's event files."""

import numpy as np
import tensorflow as tf

from tfp_flows.progress import tqdm


class Monitor:
    """A progress bar on stderr, and scalars for TensorBoard; a context manager."""

    def __init__(
        self,
        describe_loss_fn,
        num_steps,
        first_step,
        *,
        progress_bar,
        tensorboard_dir=None,
    ):
        """Opens the event file.

        Args:
          describe_loss_fn: callable, the mean loss over some steps, a `float`, to a
            `dict` of what a reader knows it as.
          num_steps: length of the fit.
          first_step: where it goes on.
          progress_bar: whether to show one.
          tensorboard_dir: folder for an event file, or `None`.

        Raises:
          OSError: if the folder cannot be written to.
        """
        self._describe_loss_fn = describe_loss_fn
        self._num_steps, self._first_step = num_steps, first_step
        self._progress_bar = progress_bar
        self._writer = None
        if tensorboard_dir is not None:
            try:
                self._writer = tf.summary.create_file_writer(str(tensorboard_dir))
            except tf.errors.OpError as error:
                raise OSError(
                    f"Cannot write to tensorboard_dir={str(tensorboard_dir)!r}: "
                    f"{error.message}; pass a folder that can be written to."
                ) from error

    def __enter__(self):
        self._bar = tqdm(
            total=self._num_steps,
            initial=self._first_step,
            disable=not self._progress_bar,
            unit="step",
        )
        return self

    def __exit__(self, *exception):
        self._bar.close()
        if self._writer is not None:
            self._writer.close()

    def update(self, state, num_done):
        """Shows the means over the steps of the last call.

        Args:
          state: `TrainingState`.
          num_done: how many steps it made.
        """
        loss, beta, norm = (
            float(np.mean(trace.astype(np.float64))) for trace in state.traces[-1]
        )
        judged = self._describe_loss_fn(loss)
        self._bar.set_postfix(
            {name: f"{value:.4f}" for name, value in judged.items()}, refresh=False
        )
        self._bar.update(num_done)
        if self._writer is None:
            return
        scalars = dict(loss=loss, beta=beta, gradient_norm=norm, **judged)
        with self._writer.as_default(step=state.step):
            for name, value in scalars.items():
                tf.summary.scalar(f"fit/{name}", value)


def describe_negative_elbo(log_normalizer):
    """What a negative ELBO is shown as: the KL where log Z is known, else the ELBO.

    Args:
      log_normalizer: log Z of the target, or `None`.

    Returns:
      Callable, as `Monitor` takes it.
    """
    if log_normalizer is None:
        return lambda loss: dict(ELBO=-loss)
    return lambda loss: dict(KL=loss + log_normalizer)
