"""What a model was compiled with, as it is saved in a `.keras` file."""

import warnings

import keras


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
