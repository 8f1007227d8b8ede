"""Keras models as data: the text that describes one, and its weights.

What the student's process sends is rebuilt in the judge only if it consists of Keras's own layers,
known by name: a description can name any code of any package, and Keras would import and call it.
What the judge sends may have a class of its own, which a test has defined; the student's process
may run whatever the judge sends.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from autograder.codec import CodecError, Model

# Where the classes of a description may come from
MODULES = frozenset(
    f"keras{part}"
    for part in (
        *("", ".layers", ".initializers", ".regularizers", ".constraints", ".models"),
        *(".src.models.functional", ".src.models.sequential"),
    )
)
# Operations such as the one behind `x + y`
OPERATIONS = frozenset(f"keras.src.ops.{part}" for part in ("math", "nn", "numpy"))
# Layers that run code which comes with them, or read files
FORBIDDEN = frozenset(["Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"])
LARGEST = 50_000_000  # numbers that one side of a layer may ask for


def is_model(value: Any) -> bool:
    """Tell whether a value is a Keras model, without importing Keras."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(value, keras.Model)


def is_plain(model: Any) -> bool:
    """Tell whether a model is of Keras's own classes, so that a description says all of it."""
    import keras
    from keras.src.models.functional import Functional

    return type(model) in (keras.Sequential, Functional)


def pack(model: Any, with_class: bool = False) -> Model:
    """Describe a model.

    Args:
        model: a Keras model.
        with_class: whether a class of its own goes with it, as code.

    Raises:
        CodecError: it can't be described.
    """
    try:
        config = json.dumps(model.get_config())
        weights = tuple(np.asarray(weight) for weight in model.get_weights())
    except (NotImplementedError, TypeError, ValueError) as error:
        raise CodecError(f"a model that Keras can't describe: {error}") from None
    code = b""
    if with_class and not is_plain(model):
        import cloudpickle

        code = cloudpickle.dumps(type(model))
    import keras

    kind = "Sequential" if isinstance(model, keras.Sequential) else "Functional"
    return Model(kind, config, weights, code)


def build_trusted(described: Model) -> Any:
    """Build a model that the judge has sent, with the class that it sent."""
    import keras

    classes = {"Sequential": keras.Sequential, "Functional": keras.Model}
    kind = classes[described.kind]
    if described.code:
        import cloudpickle

        kind = cloudpickle.loads(described.code)
    model = kind.from_config(json.loads(described.config))
    model.set_weights(list(described.weights))
    return model


def build(described: Model) -> Any:
    """Build a model that the student's process has sent.

    Raises:
        CodecError: it holds what is not Keras's own, or its weights are not those of its layers.
    """
    import keras

    config = check(described)
    try:
        if described.kind == "Sequential":
            model = keras.Sequential.from_config(config)
        else:
            model = keras.Model.from_config(config)
        model.set_weights(list(described.weights))
    except Exception as error:  # whatever Keras trips over, it is no model
        raise CodecError(f"a model that can't be built: {error}") from None
    return model


def check(described: Model) -> Any:
    """Check that a description names nothing but Keras's own; return it as Keras takes it.

    Raises:
        CodecError: it names something else, or asks for absurd sizes.
    """
    if described.code:
        raise CodecError("a model with code of its own")
    try:
        config = json.loads(described.config)
    except (RecursionError, ValueError):
        raise CodecError("a model without a description") from None
    _check(config, 0)
    return config


def _check(part: Any, depth: int) -> None:
    """Check that a description names nothing but Keras's own, and asks for no absurd size."""
    if depth > 60:
        raise CodecError("a model that is nested too deeply")
    if isinstance(part, dict):
        if part.keys() & {"class_name", "module", "registered_name"}:
            _check_class(part)
        for value in part.values():
            _check(value, depth + 1)
    elif isinstance(part, list):
        for value in part:
            _check(value, depth + 1)
    elif isinstance(part, int | float) and not -LARGEST <= part <= LARGEST:  # NaN too
        raise CodecError(f"a model with the number {part:g}")


def _check_class(part: dict[str, Any]) -> None:
    import keras

    name, module = part.get("class_name"), part.get("module")
    if name == "__tuple__" and part.keys() <= {"class_name", "items"}:
        return
    if name == "DTypePolicy" and module == "keras":
        return
    if name == "__keras_tensor__" and part.keys() <= {"class_name", "config"}:
        return
    if _is_operation(name, module):
        return
    if (name, module) == ("Functional", "keras.src.models.functional"):  # a model in a model
        return
    known = isinstance(name, str) and isinstance(module, str) and module in MODULES
    if not known or name in FORBIDDEN or part.get("registered_name") is not None:
        raise CodecError(f"a model with a layer of its own: {str(name)[:40]}")
    places = (keras.layers, keras.initializers, keras.regularizers, keras.constraints, keras)
    if not any(isinstance(getattr(place, name, None), type) for place in places):
        raise CodecError(f"a model with a layer of its own: {name[:40]}")


def _is_operation(name: Any, module: Any) -> bool:
    """Tell whether a name is of an operation of Keras's, whose arguments are plain data."""
    if not isinstance(name, str) or module not in OPERATIONS:
        return False
    from keras.src.ops.operation import Operation

    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and issubclass(kind, Operation)
