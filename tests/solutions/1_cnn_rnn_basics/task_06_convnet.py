# %% wrong: padding same, so the feature maps stay larger
def build_convnet(input_shape=(28, 28, 1), classes=10):
    model = keras.Sequential([keras.Input(shape=input_shape)])
    model.add(layers.Conv2D(32, 3, activation="relu", padding="same"))
    model.add(layers.MaxPooling2D(2))
    model.add(layers.Conv2D(64, 3, activation="relu", padding="same"))
    model.add(layers.MaxPooling2D(2))
    model.add(layers.Conv2D(64, 3, activation="relu", padding="same"))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(classes, activation="softmax"))
    return model


# %% wrong: forgets the activations of the convolutions, which changes no parameter count
def build_convnet(input_shape=(28, 28, 1), classes=10):
    model = keras.Sequential([keras.Input(shape=input_shape)])
    model.add(layers.Conv2D(32, 3))
    model.add(layers.MaxPooling2D(2))
    model.add(layers.Conv2D(64, 3))
    model.add(layers.MaxPooling2D(2))
    model.add(layers.Conv2D(64, 3))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(classes, activation="softmax"))
    return model


# %% wrong: average pooling instead of max pooling
def build_convnet(input_shape=(28, 28, 1), classes=10):
    model = keras.Sequential([keras.Input(shape=input_shape)])
    model.add(layers.Conv2D(32, 3, activation="relu"))
    model.add(layers.AveragePooling2D(2))
    model.add(layers.Conv2D(64, 3, activation="relu"))
    model.add(layers.AveragePooling2D(2))
    model.add(layers.Conv2D(64, 3, activation="relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(classes, activation="softmax"))
    return model


# %% wrong: hard-coded to the images and the classes of the example
def build_convnet(input_shape=(28, 28, 1), classes=10):
    model = keras.Sequential([keras.Input(shape=(28, 28, 1))])
    model.add(layers.Conv2D(32, 3, activation="relu"))
    model.add(layers.MaxPooling2D(2))
    model.add(layers.Conv2D(64, 3, activation="relu"))
    model.add(layers.MaxPooling2D(2))
    model.add(layers.Conv2D(64, 3, activation="relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    return model


# %% wrong: no softmax at the end
def build_convnet(input_shape=(28, 28, 1), classes=10):
    model = keras.Sequential([keras.Input(shape=input_shape)])
    model.add(layers.Conv2D(32, 3, activation="relu"))
    model.add(layers.MaxPooling2D(2))
    model.add(layers.Conv2D(64, 3, activation="relu"))
    model.add(layers.MaxPooling2D(2))
    model.add(layers.Conv2D(64, 3, activation="relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(classes))
    return model


# %% right: the functional API, in a loop
def build_convnet(input_shape=(28, 28, 1), classes=10):
    images = keras.Input(shape=input_shape)
    x = images
    for filters, pool in [(32, True), (64, True), (64, False)]:
        x = layers.Conv2D(filters, (3, 3), activation="relu")(x)
        if pool:
            x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(64, activation="relu")(x)
    return keras.Model(images, layers.Dense(classes, activation="softmax")(x))


# %% right: activations as layers of their own, and input_shape in the old style, which warns
def build_convnet(input_shape=(28, 28, 1), classes=10):
    model = keras.models.Sequential()
    model.add(layers.Conv2D(32, (3, 3), input_shape=input_shape))
    model.add(layers.ReLU())
    model.add(layers.MaxPool2D((2, 2), strides=2))
    model.add(layers.Conv2D(64, (3, 3)))
    model.add(layers.Activation("relu"))
    model.add(layers.MaxPool2D((2, 2), strides=2))
    model.add(layers.Conv2D(64, (3, 3)))
    model.add(layers.ReLU())
    model.add(layers.Reshape((-1,)))
    model.add(layers.Dense(64))
    model.add(layers.ReLU())
    model.add(layers.Dense(classes))
    model.add(layers.Softmax())
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    return model
