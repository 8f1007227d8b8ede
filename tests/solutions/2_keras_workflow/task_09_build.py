# %% wrong: the broken part as it is
def build(rows, columns, units, classes):
    return keras.Sequential(
        [
            keras.Input(shape=(rows, columns)),
            layers.GRU(units, return_sequences=True),
            layers.Flatten(),
            layers.Dense(32),
            layers.Dense(classes, activation="relu"),
        ]
    )


# %% wrong: two of three mended, no ReLU in the middle
def build(rows, columns, units, classes):
    return keras.Sequential(
        [
            keras.Input(shape=(rows, columns)),
            layers.GRU(units),
            layers.Dense(32),
            layers.Dense(classes),
        ]
    )


# %% wrong: two of three mended, ReLU still on the scores
def build(rows, columns, units, classes):
    return keras.Sequential(
        [
            keras.Input(shape=(rows, columns)),
            layers.GRU(units),
            layers.Dense(32, activation="relu"),
            layers.Dense(classes, activation="relu"),
        ]
    )


# %% wrong: softmax instead of raw scores
def build(rows, columns, units, classes):
    return keras.Sequential(
        [
            keras.Input(shape=(rows, columns)),
            layers.GRU(units),
            layers.Dense(32, activation="relu"),
            layers.Dense(classes, activation="softmax"),
        ]
    )


# %% wrong: the mean of all states instead of the last one
def build(rows, columns, units, classes):
    return keras.Sequential(
        [
            keras.Input(shape=(rows, columns)),
            layers.GRU(units, return_sequences=True),
            layers.GlobalAveragePooling1D(),
            layers.Dense(32, activation="relu"),
            layers.Dense(classes),
        ]
    )


# %% right: the functional API, ReLU as a layer
def build(rows, columns, units, classes):
    images = keras.Input(shape=(rows, columns))
    x = layers.GRU(units)(images)
    x = layers.Dense(32)(x)
    x = layers.ReLU()(x)
    return keras.Model(images, layers.Dense(classes, activation="linear")(x))


# %% right: add, a Flatten that does nothing, dropout that only works in training
def build(rows, columns, units, classes):
    model = keras.Sequential()
    model.add(keras.Input((rows, columns)))
    model.add(layers.GRU(units, return_sequences=False))
    model.add(layers.Flatten())
    model.add(layers.Dense(32, "relu"))
    model.add(layers.Dropout(0.1))
    model.add(layers.Dense(classes, activation=None))
    return model
