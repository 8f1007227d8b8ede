# %% wrong: one beta for all channels
class TrainableSwish(keras.layers.Layer):
    def build(self, input_shape):
        self.beta = self.add_weight(shape=(1,), initializer="ones")

    def call(self, inputs):
        return inputs * tf.sigmoid(self.beta * inputs)


def swish_gradients(inputs, betas):
    inputs = tf.Variable(inputs)
    layer = TrainableSwish()
    layer.build(inputs.shape)
    layer.set_weights([betas])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(inputs))
    return tape.gradient(total, [layer.beta, inputs])


# %% wrong: computes with NumPy, which the tape does not see
class TrainableSwish(keras.layers.Layer):
    def build(self, input_shape):
        self.beta = self.add_weight(shape=(input_shape[-1],), initializer="ones")

    def call(self, inputs):
        x = np.asarray(inputs)
        return x / (1 + np.exp(-np.asarray(self.beta) * x))


def swish_gradients(inputs, betas):
    inputs = tf.Variable(inputs)
    layer = TrainableSwish()
    layer.build(inputs.shape)
    layer.set_weights([betas])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(inputs))
    return tape.gradient(total, [layer.beta, inputs])


# %% wrong: the weight is not trainable, and the tape is told to watch it
class TrainableSwish(keras.layers.Layer):
    def build(self, input_shape):
        self.beta = self.add_weight(shape=(input_shape[-1],), initializer="ones", trainable=False)

    def call(self, inputs):
        return inputs * tf.sigmoid(self.beta * inputs)


def swish_gradients(inputs, betas):
    inputs = tf.Variable(inputs)
    layer = TrainableSwish()
    layer.build(inputs.shape)
    layer.set_weights([betas])
    with tf.GradientTape() as tape:
        tape.watch(layer.beta.value)
        total = tf.reduce_sum(layer(inputs))
    return tape.gradient(total, [layer.beta, inputs])


# %% wrong: takes the second axis for the channels
class TrainableSwish(keras.layers.Layer):
    def build(self, input_shape):
        self.beta = self.add_weight(shape=(input_shape[1],), initializer="ones")

    def call(self, inputs):
        return inputs * tf.sigmoid(self.beta * inputs)


def swish_gradients(inputs, betas):
    inputs = tf.Variable(inputs)
    layer = TrainableSwish()
    layer(inputs)
    layer.set_weights([betas])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(inputs))
    return tape.gradient(total, [layer.beta, inputs])


# %% wrong: the betas get all of the gradient, the inputs only through the first factor
class TrainableSwish(keras.layers.Layer):
    def build(self, input_shape):
        self.beta = self.add_weight(shape=(input_shape[-1],), initializer="ones")

    def call(self, inputs):
        return inputs * tf.sigmoid(self.beta * tf.stop_gradient(inputs))


def swish_gradients(inputs, betas):
    inputs = tf.Variable(inputs)
    layer = TrainableSwish()
    layer.build(inputs.shape)
    layer.set_weights([betas])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(inputs))
    return tape.gradient(total, [layer.beta, inputs])


# %% right: with __init__ and keras.ops, the weight set by assign
class TrainableSwish(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.betas = None

    def build(self, input_shape):
        channels = int(input_shape[-1])
        self.betas = self.add_weight(
            name="betas",
            shape=(channels,),
            initializer=keras.initializers.Constant(1.0),
            trainable=True,
        )
        super().build(input_shape)

    def call(self, x, training=None):
        return x * keras.ops.sigmoid(keras.ops.multiply(self.betas, x))


def swish_gradients(inputs, betas):
    x = tf.convert_to_tensor(inputs)
    layer = TrainableSwish(name="swish")
    layer(x)
    layer.betas.assign(betas)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        total = keras.ops.sum(layer(x))
    return (
        tape.gradient(total, layer.trainable_variables)[0].numpy(),
        tape.gradient(total, x).numpy(),
    )


# %% right: the formula with exp and a division, the gradient of all outputs at once
class TrainableSwish(keras.layers.Layer):
    def build(self, shape):
        self.b = self.add_weight(shape=shape[-1:], initializer="ones")

    def call(self, x):
        return x / (1 + tf.exp(-self.b * x))


def swish_gradients(inputs, betas):
    layer = TrainableSwish()
    layer.build(inputs.shape)
    layer.set_weights([betas])
    inputs = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs)
    return tape.gradient(outputs, [layer.b.value, inputs])
