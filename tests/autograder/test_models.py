"""Keras models cross as a description and weights, and only Keras's own are rebuilt."""

import json
import textwrap

import keras
import numpy as np
import pytest
from judging import RIGHT, submission
from keras import layers

from autograder import models
from autograder.codec import CodecError, Model, decode, encode

pytestmark = pytest.mark.slow


def sequential():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(2, 3, activation="relu", kernel_initializer="he_normal"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.1), trainable=False),
        ]
    )


def functional():
    words, numbers = keras.Input((None,), dtype="int32"), keras.Input((4,))
    state = layers.GRU(5)(layers.Embedding(20, 6)(words))
    x = layers.Concatenate()([state, numbers])
    return keras.Model([words, numbers], layers.Dense(2, activation="softmax")(x))


INPUTS = {
    sequential: [np.random.default_rng(0).random((2, 8, 8, 1), dtype="float32")],
    functional: [np.array([[1, 2, 3]]), np.ones((1, 4), "float32")],
}


@pytest.mark.parametrize("make", [sequential, functional])
def test_a_model_computes_the_same_on_the_other_side(make):
    model = make()
    kept = []

    def keep(value):
        kept.append(value)
        return models.pack(value)

    arrived = decode(encode([model], keep), resolve=models.build)[0]
    assert kept == [model]
    assert type(arrived) is type(model)
    inputs = INPUTS[make] if len(INPUTS[make]) > 1 else INPUTS[make][0]
    np.testing.assert_array_equal(arrived(inputs), model(inputs))
    trainable = [len(one.trainable_weights) for one in (arrived, model)]
    assert trainable[0] == trainable[1]


def forged(change):
    described = models.pack(sequential())
    config = json.loads(described.config)
    change(config)
    return Model(described.kind, json.dumps(config), described.weights)


def own_layer(module, name, registered=None, **config):
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}


@pytest.mark.parametrize(
    "layer",
    [
        own_layer("os", "system"),
        own_layer("builtins", "exec"),
        own_layer("subprocess", "Popen", args=["touch", "ran"]),
        own_layer("keras.layers", "Lambda", function="lambda x: 1 / 0"),
        own_layer("keras.layers", "TFSMLayer", filepath="/tmp/x"),
        own_layer("keras.layers", "Dense", registered="my>Dense", units=3),
        own_layer("keras.utils", "get_file"),
        own_layer("keras.src.utils.file_utils", "get_file"),
        own_layer("keras.layers", "__doc__"),
        own_layer("keras", "utils"),
        own_layer("keras.layers", ["Dense"]),
        {"class_name": "__lambda__", "config": {"value": "x"}},
        {"class_name": "__numpy__", "config": {"value": [1] * 3}},
        own_layer("builtins", "function", "function", config="print"),
    ],
)
def test_a_description_that_names_code_is_refused(layer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for change in (
        lambda config: config["layers"].append(layer),
        lambda config: config["layers"][1]["config"].update(kernel_initializer=layer),
        lambda config: config["layers"][1]["config"].update(activation=layer),
    ):
        with pytest.raises(CodecError, match="a layer of its own"):
            models.build(forged(change))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config["layers"][-1]["config"].update(units=10**12),
        lambda config: config["layers"][-1]["config"].update(units=float("inf")),
        lambda config: config["layers"][-1]["config"].update(units="many"),
        lambda config: config["layers"].pop(),
        lambda config: config.clear(),
        lambda config: config.update(layers=None),
    ],
)
def test_a_description_that_fits_nothing_is_refused(change):
    with pytest.raises(CodecError):
        models.build(forged(change))


def test_other_weights_are_refused():
    described = models.pack(sequential())
    for weights in ((), described.weights[:-1], (np.zeros(3), *described.weights[1:])):
        with pytest.raises(CodecError, match="can't be built"):
            models.build(Model(described.kind, described.config, weights))


def test_only_the_students_process_takes_a_class():
    class Network(keras.Sequential):
        def fit(self, *arguments, **options):
            raise AssertionError("without fit")

    model = Network([keras.Input((2,)), layers.Dense(3)])
    described = models.pack(model, with_class=True)
    with pytest.raises(CodecError, match="code of its own"):
        models.build(described)
    arrived = models.build_trusted(described)
    assert type(arrived).__name__ == "Network"
    with pytest.raises(AssertionError, match="without fit"):
        arrived.fit()
    np.testing.assert_array_equal(arrived(np.ones((1, 2))), model(np.ones((1, 2))))


# --- With the judge

SETUP = ["import keras\nimport numpy as np\nfrom keras import layers"]
BUILD = """
import keras
from keras import layers
def build(n):
    return keras.Sequential([keras.Input((4,)), layers.Dense(n)])
"""
COUNTS = "model = build(3)\nassert isinstance(model, keras.Model)\nassert sum(np.size(w) for w in model.get_weights()) == 15"


def verdict(answer, test):
    with submission(answer, setup=SETUP, seconds=60) as made:
        return made.run(textwrap.dedent(test), "test", 2)


def test_a_model_of_the_students_is_judged():
    assert verdict(BUILD, COUNTS) == RIGHT
    assert verdict(BUILD.replace("Dense(n)", "Dense(n + 1)"), COUNTS).points == 0


@pytest.mark.parametrize(
    "lie",
    [
        "class Lying(keras.Sequential):\n    def get_weights(self):\n        import numpy as np\n"
        "        return [np.zeros(15)]\ndef build(n): return Lying([keras.Input((4,)), layers.Dense(1)])",
        "class Lying(layers.Dense):\n    def count_params(self): return 15\n"
        "def build(n): return keras.Sequential([keras.Input((4,)), Lying(1)])",
        "class Lying:\n    __class__ = keras.Model\n    def get_weights(self):\n        return [[0] * 15]\n"
        "def build(n): return Lying()",
        "def build(n):\n    m = keras.Sequential([keras.Input((4,)), layers.Dense(1)])\n"
        "    m.get_weights = lambda: [[0] * 15]\n    return m",
        "def build(n): return keras.Sequential([keras.Input((4,)), layers.Lambda(lambda x: x)])",
    ],
)
def test_a_model_that_lies_earns_nothing(lie):
    assert verdict(f"import keras\nfrom keras import layers\n{lie}", COUNTS).points == 0


def test_a_model_of_the_tests_goes_over_with_its_class():
    test = """
    def check():
        class Network(keras.Sequential):
            def fit(self, *arguments, **options):
                raise AssertionError("Write the loop by yourself.")
        model = Network([keras.Input((2,)), layers.Dense(1)])
        model.set_weights([np.ones((2, 1)), np.zeros(1)])
        assert np.allclose(use(model, np.ones((3, 2), "float32")), 2)
    check()
    """
    assert verdict("def use(model, x): return model(x)", test) == RIGHT
    found = verdict("def use(model, x): return model.fit(x)", test)
    assert found.points == 0
    assert found.message == "Write the loop by yourself."


def test_a_history_can_be_read():
    answer = """
    import keras, numpy as np
    def train(model, x):
        model.compile(loss="mse")
        return model.fit(x, np.zeros((len(x), 1)), epochs=2, verbose=0)
    """
    test = """
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    history = train(model, np.ones((3, 2), "float32"))
    assert len(history.history["loss"]) == 2
    """
    assert verdict(answer, test) == RIGHT


def test_operations_and_nested_models_are_keras_own_too():
    x = keras.Input((4,))
    inner = keras.Model(x, layers.Dense(4)(x) + x)
    y = keras.Input((4,))
    model = keras.Model(y, keras.ops.relu(inner(y) * 2.0))
    built = models.build(models.pack(model))
    value = np.random.default_rng(0).random((3, 4), dtype="float32")
    np.testing.assert_allclose(built(value), model(value), atol=1e-6)


def test_what_the_judge_would_refuse_stays_behind_a_handle():
    answer = """
    import keras
    class Twice(keras.layers.Layer):
        def call(self, x): return 2 * x
    model = keras.Sequential([keras.Input((2,)), Twice()])
    """
    with submission(answer, setup=["import numpy as np"], seconds=30) as judge:
        found = judge.run("assert model(np.ones((1, 2)))[0, 1] == 2", "test", 2)
    assert found == RIGHT
