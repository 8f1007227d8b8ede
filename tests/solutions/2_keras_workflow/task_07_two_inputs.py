# %% wrong: the numbers first, then the state
def build_two_inputs(vocabulary, dimensions, units, numbers, classes):
    words, extra = keras.Input(shape=(None,)), keras.Input(shape=(numbers,))
    x = layers.GRU(units)(layers.Embedding(vocabulary, dimensions)(words))
    x = layers.Concatenate()([extra, x])
    x = layers.Dense(units, activation="relu")(x)
    return keras.Model([words, extra], layers.Dense(classes, activation="softmax")(x))


# %% wrong: no ReLU
def build_two_inputs(vocabulary, dimensions, units, numbers, classes):
    words, extra = keras.Input(shape=(None,)), keras.Input(shape=(numbers,))
    x = layers.GRU(units)(layers.Embedding(vocabulary, dimensions)(words))
    x = layers.Dense(units)(layers.Concatenate()([x, extra]))
    return keras.Model([words, extra], layers.Dense(classes, activation="softmax")(x))


# %% wrong: the embedding hides the word 0
def build_two_inputs(vocabulary, dimensions, units, numbers, classes):
    words, extra = keras.Input(shape=(None,)), keras.Input(shape=(numbers,))
    x = layers.GRU(units)(layers.Embedding(vocabulary, dimensions, mask_zero=True)(words))
    x = layers.Concatenate()([x, extra])
    x = layers.Dense(units, activation="relu")(x)
    return keras.Model([words, extra], layers.Dense(classes, activation="softmax")(x))


# %% wrong: the inputs in the wrong order
def build_two_inputs(vocabulary, dimensions, units, numbers, classes):
    words, extra = keras.Input(shape=(None,)), keras.Input(shape=(numbers,))
    x = layers.GRU(units)(layers.Embedding(vocabulary, dimensions)(words))
    x = layers.Concatenate()([x, extra])
    x = layers.Dense(units, activation="relu")(x)
    return keras.Model([extra, words], layers.Dense(classes, activation="softmax")(x))


# %% wrong: accepts only sequences of eight words
def build_two_inputs(vocabulary, dimensions, units, numbers, classes):
    words, extra = keras.Input(shape=(8,)), keras.Input(shape=(numbers,))
    x = layers.GRU(units)(layers.Embedding(vocabulary, dimensions)(words))
    x = layers.Concatenate()([x, extra])
    x = layers.Dense(units, activation="relu")(x)
    return keras.Model([words, extra], layers.Dense(classes, activation="softmax")(x))


# %% right: the function concatenate, activations as layers, compiled too
def build_two_inputs(vocabulary, dimensions, units, numbers, classes):
    first = keras.Input(shape=(None,), dtype="int32", name="words")
    second = keras.Input((numbers,), name="numbers")
    state = layers.Embedding(input_dim=vocabulary, output_dim=dimensions)(first)
    state = layers.GRU(units, return_sequences=False)(state)
    both = keras.layers.concatenate([state, second], axis=-1)
    hidden = layers.ReLU()(layers.Dense(units)(both))
    outputs = layers.Activation("softmax")(layers.Dense(classes)(hidden))
    model = keras.Model(inputs=(first, second), outputs=outputs)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    return model


# %% right: tf.keras, and the last state taken from all states
def build_two_inputs(vocabulary, dimensions, units, numbers, classes):
    words = tf.keras.Input(shape=[None])
    beside = tf.keras.Input(shape=[numbers])
    x = tf.keras.layers.Embedding(vocabulary, dimensions)(words)
    states, last = tf.keras.layers.GRU(units, return_sequences=True, return_state=True)(x)
    x = tf.keras.layers.Concatenate(axis=1)([last, beside])
    x = tf.keras.layers.Dense(units, "relu")(x)
    x = tf.keras.layers.Dense(classes, "softmax")(x)
    return tf.keras.models.Model(inputs=[words, beside], outputs=[x])
