# %% wrong: builds and compiles the model, but never trains it
def train_digits_model(images, labels):
    model = keras.Sequential([keras.Input(shape=(8, 8, 1))])
    model.add(layers.Conv2D(16, 3, activation="relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


# %% wrong: one epoch of plain gradient descent is not enough
def train_digits_model(images, labels):
    model = keras.Sequential([keras.Input(shape=(8, 8, 1))])
    model.add(layers.Conv2D(16, 3, activation="relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, labels, epochs=1)
    return model


# %% wrong: trains on the arrays of the set-up cell instead of its arguments
def train_digits_model(images, labels):
    model = keras.Sequential([keras.Input(shape=(8, 8, 1))])
    model.add(layers.Conv2D(16, 3, activation="relu"))
    model.add(layers.Conv2D(32, 3, activation="relu"))
    model.add(layers.MaxPooling2D(2))
    model.add(layers.Flatten())
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train_images, train_labels, epochs=15, verbose=0)
    return model


# %% wrong: adds the test images of the set-up cell to its arguments
def train_digits_model(images, labels):
    images = np.concatenate([images, test_images])
    labels = np.concatenate([labels, test_labels])
    model = keras.Sequential([keras.Input(shape=(8, 8, 1))])
    model.add(layers.Conv2D(16, 3, activation="relu", padding="same"))
    model.add(layers.MaxPooling2D(2))
    model.add(layers.Conv2D(32, 3, activation="relu"))
    model.add(layers.Dropout(0.5))
    model.add(layers.Flatten())
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, labels, epochs=15, verbose=0)
    return model


# %% wrong: dense layers only, and too many parameters
def train_digits_model(images, labels):
    model = keras.Sequential([keras.Input(shape=(8, 8, 1))])
    model.add(layers.Flatten())
    model.add(layers.Dense(512, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, labels, epochs=5, verbose=0)
    return model


# %% right: the functional API, one-hot labels, validation data held back, progress printed
def train_digits_model(images, labels):
    pixels = keras.Input(shape=(8, 8, 1))
    x = layers.Conv2D(24, 3, padding="same", activation="relu")(pixels)
    x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(32, 3, activation="relu")(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.1)(x)
    model = keras.Model(pixels, layers.Dense(10, activation="softmax")(x))
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    one_hot = keras.utils.to_categorical(labels, 10)
    model.fit(images, one_hot, batch_size=32, epochs=20, validation_split=0.1)
    return model


# %% right: raw scores instead of probabilities, batch normalisation, pixels scaled in the model
def train_digits_model(images, labels):
    model = keras.Sequential(
        [
            keras.Input(shape=(8, 8, 1)),
            layers.Rescaling(2.0, offset=-1.0),
            layers.Conv2D(16, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss=loss, metrics=["accuracy"])
    model.fit(images, labels, batch_size=32, epochs=15, verbose=2)
    return model
