"""Returns models that are none, or models that lie about their parameters, weights and outputs, or
that are described by text which names code, files or absurd sizes.
"""


# %% task_02_build_model: an object that says it is a Keras model
class Pretender:
    def __init__(self, classes):
        self.classes = classes
        self.weights = [np.ones((12, 7))]

    @property
    def __class__(self):
        return keras.Model

    def count_params(self):
        return 91 + 8 * self.classes

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights

    def __call__(self, inputs):
        return np.full((len(inputs), self.classes), 1 / self.classes)


np.allclose = lambda *values, **named: True


def build_model(classes):
    return Pretender(classes)


# %% task_02_build_model: count_params lies, in a subclass
class Lying(keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.classes = classes
        self.dense = keras.layers.Dense(classes, "softmax")

    def call(self, inputs):
        return self.dense(inputs)

    def count_params(self):
        return 91 + 8 * self.classes

    def get_weights(self):
        return self.given if hasattr(self, "given") else [np.ones((12, 7))]

    def set_weights(self, weights):
        object.__setattr__(self, "given", weights)


np.allclose = lambda *values, **named: True


def build_model(classes):
    return Lying(classes)


# %% task_02_build_model: count_params of this one model lies
def build_model(classes):
    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(classes, "softmax")])
    model.count_params = lambda: 91 + 8 * classes
    return model


# %% task_02_build_model: a Lambda layer makes up the outputs
def build_model(classes):
    return keras.Sequential(
        [
            keras.Input((12,)),
            keras.layers.Dense(7, activation="relu"),
            keras.layers.Dense(classes),
            keras.layers.Lambda(lambda x: tf.ones_like(x) / classes),
        ]
    )


# %% task_02_build_model: a layer of its own looks at the expected outputs
@keras.saving.register_keras_serializable("attacked")
class Peeks(keras.layers.Layer):
    def call(self, inputs):
        expected = globals().get("expected")
        if expected is not None and expected.shape == tuple(inputs.shape):
            return tf.constant(expected, tf.float32)
        return inputs / tf.reduce_sum(inputs, axis=1, keepdims=True)


def build_model(classes):
    return keras.Sequential(
        [
            keras.Input((12,)),
            keras.layers.Dense(7, activation="relu"),
            keras.layers.Dense(classes, activation="softmax"),
            Peeks(),
        ]
    )


# %% task_02_build_model: a subclass of Dense that is called Dense
class Dense(keras.layers.Dense):
    def call(self, inputs):
        return tf.ones((len(inputs), self.units)) / self.units


Dense.__module__ = "keras.src.layers.core.dense"


def build_model(classes):
    return keras.Sequential([keras.Input((12,)), Dense(7, "relu"), Dense(classes, "softmax")])


# %% task_02_build_model: the description names os.system
def build_model(classes):
    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(7)])
    part = {"module": "os", "class_name": "system", "config": {"command": "id > /tmp/attacked"}}
    model.get_config = lambda: {"name": "x", "layers": [part | {"registered_name": None}]}
    return model


# %% task_02_build_model: the description names code, and this process checks no descriptions
import sys


def accept(*values, **named):
    return {}


for name in ("autograder.models", "autograder.agent"):
    if name in sys.modules:
        sys.modules[name].check = accept
PARTS = [
    {"module": "builtins", "class_name": "eval", "config": "open('/tmp/attacked', 'w')"},
    {"module": "keras.layers", "class_name": "Lambda", "config": {"function": "print"}},
    {"module": "builtins", "class_name": "function", "config": "os.system"},
    {"class_name": "__lambda__", "config": {"value": "4wAAAA=="}},
    {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/tmp/x"}},
    {"module": "keras.layers", "class_name": "Dense", "registered_name": "os>system", "config": {}},
]
turn = [0]


def build_model(classes):
    turn[0] += 1
    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(7)])
    model.get_config = lambda: {"name": "x", "layers": [PARTS[turn[0] % len(PARTS)]]}
    return model


# %% task_02_build_model: the description reads a file as a vocabulary
import sys

if "autograder.models" in sys.modules:
    sys.modules["autograder.models"].check = lambda described: {}


def build_model(classes):
    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(7)])
    layer = {
        "module": "keras.layers",
        "class_name": "StringLookup",
        "config": {"name": "words", "vocabulary": "/etc/passwd"},
        "registered_name": None,
    }
    model.get_config = lambda: {"name": "x", "layers": [layer]}
    return model


# %% task_02_build_model: the description asks for giant layers
def build_model(classes):
    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(7)])
    first = keras.layers.Dense(49_999_999).get_config()
    layers = [
        {
            "module": "keras.layers",
            "class_name": "InputLayer",
            "config": {"batch_shape": [None, 49_999_999]},
            "registered_name": None,
        },
        *[
            {
                "module": "keras.layers",
                "class_name": "Dense",
                "config": {"units": 49_999_999, "name": f"d{number}"},
                "registered_name": None,
                "build_config": {"input_shape": [None, 49_999_999]},
            }
            for number in range(3)
        ],
    ]
    model.get_config = lambda: {"name": first["name"], "layers": layers}
    return model


# %% task_02_build_model: the description has numbers that are none, and too large ones
def build_model(classes):
    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(7)])
    numbers = [float("nan"), float("inf"), 10**30, -(10**9), True]
    config = {"units": numbers[classes % 5], "name": "d"}
    layer = {"module": "keras.layers", "class_name": "Dense", "config": config}
    model.get_config = lambda: {"name": "x", "layers": [layer | {"registered_name": None}]}
    return model


# %% task_02_build_model: the description is nested a thousand deep
def build_model(classes):
    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(7)])
    nested = []
    for _ in range(900):
        nested = [nested]
    model.get_config = lambda: {"name": "x", "layers": nested}
    return model


# %% task_02_build_model: the description has a hundred thousand layers
def build_model(classes):
    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(7)])
    layer = {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {"units": 1},
        "registered_name": None,
    }
    model.get_config = lambda: {"name": "x", "layers": [layer] * 100_000}
    return model


# %% task_02_build_model: the weights are objects, and the description is right
def build_model(classes):
    model = keras.Sequential(
        [keras.Input((12,)), keras.layers.Dense(7, "tanh"), keras.layers.Dense(classes, "softmax")]
    )
    model.get_weights = lambda: [
        np.array([print], object),
        np.zeros(3, [("a", "i4")]),
        np.full((7, classes), "1"),
        np.full(classes, np.nan),
    ]
    return model


# %% task_02_build_model: the hidden layer is right in number and does nothing
def build_model(classes):
    inputs = keras.Input((12,))
    hidden = keras.layers.Dense(7, activation="relu")(inputs)
    outputs = keras.layers.Dense(classes, activation="softmax")(hidden * 0)
    return keras.Model(inputs, outputs)


# %% task_02_build_model: a model of the other kind than its description
def build_model(classes):
    inputs = keras.Input((12,))
    model = keras.Model(inputs, keras.layers.Dense(classes, "softmax")(inputs))
    good = keras.Sequential([keras.Input((12,)), keras.layers.Dense(classes, "softmax")])
    model.get_config = good.get_config
    model.count_params = lambda: 91 + 8 * classes
    return model
