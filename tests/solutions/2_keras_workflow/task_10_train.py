# %% wrong: two of three mended, the last weights instead of the best
def train(model, images, labels, val_images, val_labels, epochs=30, patience=3):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.005), loss, metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=patience)
    model.fit(
        images,
        labels,
        batch_size=32,
        epochs=epochs,
        validation_data=(val_images, val_labels),
        callbacks=[stop],
        verbose=0,
    )
    return model


# %% wrong: two of three mended, the loss still expects probabilities
def train(model, images, labels, val_images, val_labels, epochs=30, patience=3):
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
    stop = keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)
    model.fit(
        images,
        labels,
        batch_size=32,
        epochs=epochs,
        validation_data=(val_images, val_labels),
        callbacks=[stop],
        verbose=0,
    )
    return model


# %% wrong: two of three mended, a learning rate of 0.02 instead of 0.005
def train(model, images, labels, val_images, val_labels, epochs=30, patience=3):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss, metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)
    model.fit(
        images,
        labels,
        batch_size=32,
        epochs=epochs,
        validation_data=(val_images, val_labels),
        callbacks=[stop],
        verbose=0,
    )
    return model


# %% wrong: restores the weights with the best accuracy instead of the lowest loss
def train(model, images, labels, val_images, val_labels, epochs=30, patience=3):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.005), loss, metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(
        "val_accuracy", patience=patience, restore_best_weights=True
    )
    model.fit(
        images,
        labels,
        batch_size=32,
        epochs=epochs,
        validation_data=(val_images, val_labels),
        callbacks=[stop],
        verbose=0,
    )
    return model


# %% wrong: trains on the validation images too
def train(model, images, labels, val_images, val_labels, epochs=30, patience=3):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.005), loss, metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)
    model.fit(
        np.concatenate([images, val_images]),
        np.concatenate([labels, val_labels]),
        batch_size=32,
        epochs=epochs,
        validation_data=(val_images, val_labels),
        callbacks=[stop],
        verbose=0,
    )
    return model


# %% right: a model checkpoint instead of restored weights, tf.data, whole labels as one-hot
def train(model, images, labels, val_images, val_labels, epochs=30, patience=3):
    import os
    import tempfile

    def dataset(x, y):
        return tf.data.Dataset.from_tensor_slices((x, tf.one_hot(y, 10)))

    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=5e-3), loss=loss)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "best.weights.h5")
        callbacks = [
            keras.callbacks.EarlyStopping(monitor="val_loss", patience=patience),
            keras.callbacks.ModelCheckpoint(
                path, monitor="val_loss", save_best_only=True, save_weights_only=True
            ),
        ]
        model.fit(
            dataset(images, labels).shuffle(len(images)).batch(32),
            epochs=epochs,
            validation_data=dataset(val_images, val_labels).batch(32),
            callbacks=callbacks,
        )
        model.load_weights(path)
    return model


# %% right: softmax put before the loss, one epoch at a time, the best weights kept by hand
def train(model, images, labels, val_images, val_labels, epochs=30, patience=3):
    def loss(y, scores):
        y = tf.cast(tf.reshape(y, [-1]), "int32")
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=scores)

    model.compile(optimizer=keras.optimizers.Adam(0.005), loss=loss)
    best_loss, best_weights, waited = np.inf, model.get_weights(), 0
    for _ in range(epochs):
        model.fit(images, labels, batch_size=32, verbose=0)
        value = model.evaluate(val_images, val_labels, verbose=0)
        if value < best_loss:
            best_loss, best_weights, waited = value, model.get_weights(), 0
        else:
            waited += 1
            if waited >= patience:
                break
    model.set_weights(best_weights)
    return model
