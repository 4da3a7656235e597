"""KL warm-up: the weight of the KL term, raised as training goes on."""

import keras

from tfp_flows import numerics


class KLWarmUp(keras.callbacks.Callback):
    """Raises the weight beta of the KL term of a `FlowVAE` linearly to 1.

    beta = min(1, n / N), with n = 1 in the first of N epochs, or steps: the schedule of
    Sønderby et al. (2016), in the form of van den Berg et al. (2018). It changes the
    training loss, `-E[log p(x|z)] + beta KL`, alone: the metric `elbo`, and everything
    that `evaluate` reports, is the bound with beta = 1.

    ```python
    model.fit(x, epochs=60, callbacks=[tff.models.KLWarmUp(num_epochs=20)])
    ```

    When training ends, beta is 1 again. With `steps_per_execution` = n, beta changes
    every n steps.
    """

    def __init__(
        self, num_epochs: int | None = None, *, num_steps: int | None = None
    ) -> None:
        """Builds the callback from one of the two lengths.

        Args:
          num_epochs: N in epochs, counted as `fit` counts them (`initial_epoch`).
          num_steps: N in updates, counted by the optimizer.

        Raises:
          ValueError: unless exactly one is given, an integer of at least 1.
        """
        super().__init__()
        if (num_epochs is None) == (num_steps is None):
            raise ValueError(
                "KLWarmUp takes either `num_epochs` or `num_steps`, but got "
                f"num_epochs={num_epochs!r} and num_steps={num_steps!r}; pass one."
            )
        self.num_epochs, self.num_steps = (
            None if size is None else numerics.check_size(name, size)
            for name, size in (("num_epochs", num_epochs), ("num_steps", num_steps))
        )

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Sets beta for the epoch."""
        if self.num_epochs is not None:
            self._set((epoch + 1) / self.num_epochs)

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Sets beta for the step."""
        if self.num_steps is not None:
            done = int(self.model.optimizer.iterations.numpy())
            self._set((done + 1) / self.num_steps)

    def on_train_end(self, logs: dict | None = None) -> None:
        """Sets beta to 1."""
        self._set(1.0)

    def _set(self, beta: float) -> None:
        self.model.beta.assign(min(1.0, beta))
