"""Models in `.keras` files: their arguments, and those of `compile`."""

import warnings

import keras


class SavableModel(keras.Model):
    """A model that a file makes again from the arguments of its constructor."""

    def own_arguments(self) -> dict[str, object]:
        """The arguments of the constructor that `keras.Model` does not know."""
        raise NotImplementedError

    def own_compile_arguments(self) -> dict[str, object]:
        """The arguments of `compile` that `keras.Model` does not know."""
        return {}

    def get_config(self) -> dict[str, object]:
        """The arguments of the constructor, as plain values."""
        own = self.own_arguments()
        return super().get_config() | {
            name: keras.saving.serialize_keras_object(value)
            for name, value in own.items()
        }

    @classmethod
    def from_config(
        cls, config: dict[str, object], custom_objects: dict | None = None
    ) -> "SavableModel":
        """The model of a `get_config`, with new weights."""
        arguments = {
            name: keras.saving.deserialize_keras_object(value, custom_objects)
            for name, value in config.items()
        }
        return cls(**arguments)

    def get_compile_config(self) -> dict[str, object]:
        """What `compile` was given, as far as it can be saved."""
        if not self.compiled:
            return {}
        return _to_compile_config(
            optimizer=self.optimizer,
            jit_compile=self.jit_compile,
            steps_per_execution=self.steps_per_execution,
            run_eagerly=self.run_eagerly,
            **self.own_compile_arguments(),
        )

    def compile_from_config(self, config: dict[str, object]) -> None:
        """Compiles the model as it was when saved."""
        arguments = {
            name: keras.saving.deserialize_keras_object(value)
            for name, value in config.items()
        }
        self.compile(**arguments)
        self.optimizer.build(self.trainable_variables)


def _to_compile_config(**arguments: object) -> dict[str, object]:
    """The arguments of `compile`, serialised.

    Args:
      **arguments: name = value.

    Returns:
      Dict; empty, with a warning, if a target among them is not registered with
      `keras.saving.register_keras_serializable`: Keras could save its name, but not find
      it again.
    """
    for name, value in arguments.items():
        if not _can_be_saved(value):
            warnings.warn(
                f"`{name}` is not registered with keras.saving."
                "register_keras_serializable: the model is saved without the arguments "
                "of `compile`. Call compile again after loading it.",
                stacklevel=2,
            )
            return {}
    return {
        name: keras.saving.serialize_keras_object(value)
        for name, value in arguments.items()
    }


def _can_be_saved(value: object) -> bool:
    plain = (bool, int, str, keras.optimizers.Optimizer)
    if value is None or isinstance(value, plain):
        return True
    name = keras.saving.get_registered_name(value) if callable(value) else ""
    return keras.saving.get_registered_object(name) is value
