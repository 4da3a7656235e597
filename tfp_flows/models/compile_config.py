"""What a model was compiled with, as it is saved in a `.keras` file."""

import warnings

import keras

_KNOWN = {"jit_compile", "steps_per_execution", "run_eagerly", "auto_scale_loss"}


def check_compile_arguments(
    model: keras.Model, arguments: dict[str, object], why: str
) -> None:
    """Raises TypeError if a model of its own loss and metrics is compiled with others."""
    unknown = set(arguments) - _KNOWN
    if unknown:
        raise TypeError(
            f"{type(model).__name__}.compile has no argument "
            f"{', '.join(sorted(unknown))}: {why}"
        )


def to_compile_config(**arguments: object) -> dict[str, object]:
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


def from_compile_config(config: dict[str, object]) -> dict[str, object]:
    """The arguments of `to_compile_config` again."""
    return {
        name: keras.saving.deserialize_keras_object(value)
        for name, value in config.items()
    }


def _can_be_saved(value: object) -> bool:
    plain = (bool, int, str, keras.optimizers.Optimizer)
    if value is None or isinstance(value, plain):
        return True
    name = keras.saving.get_registered_name(value) if callable(value) else ""
    return keras.saving.get_registered_object(name) is value
