# %% wrong: leaves dropout on
def mode_gaps(model, batches):
    weights = model.get_weights()
    gaps = []
    for batch in batches:
        difference = model(batch, training=False) - model(batch, training=True)
        gaps.append(np.max(np.abs(difference)))
        model.set_weights(weights)
    return gaps


# %% wrong: training mode first, which changes the moving statistics for inference mode
def mode_gaps(model, batches):
    weights = model.get_weights()
    gaps = []
    for batch in batches:
        x = batch
        for layer in model.layers:
            x = layer(x, training=not isinstance(layer, keras.layers.Dropout))
        gaps.append(np.max(np.abs(x - model(batch, training=False))))
        model.set_weights(weights)
    return gaps


# %% wrong: the moving statistics are put back after the last batch only
def mode_gaps(model, batches):
    weights = model.get_weights()
    gaps = []
    for batch in batches:
        inference = model(batch, training=False)
        x = batch
        for layer in model.layers:
            x = layer(x, training=not isinstance(layer, keras.layers.Dropout))
        gaps.append(np.max(np.abs(x - inference)))
    model.set_weights(weights)
    return gaps


# %% wrong: a copy without the weights of the model
def mode_gaps(model, batches):
    copy = keras.models.clone_model(model)
    for layer in copy.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0
    return [np.max(np.abs(copy(b, training=True) - model(b, training=False))) for b in batches]


# %% wrong: without absolute value, so only what is larger in inference mode counts
def mode_gaps(model, batches):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for layer in copy.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0
    return [np.max(model(b, training=False) - copy(b, training=True)) for b in batches]


# %% wrong: switches off the last layer of dropout only
def mode_gaps(model, batches):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for layer in copy.layers[::-1]:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0
            break
    return [np.max(np.abs(copy(b, training=True) - model(b, training=False))) for b in batches]


# %% wrong: puts back the statistics of one batch normalisation and forgets the others
def mode_gaps(model, batches):
    norms = [la for la in model.layers if isinstance(la, keras.layers.BatchNormalization)]
    kept = norms[0].get_weights() if norms else None
    gaps = []
    for batch in batches:
        inference = model(batch, training=False)
        x = batch
        for layer in model.layers:
            x = layer(x, training=not isinstance(layer, keras.layers.Dropout))
        gaps.append(np.max(np.abs(x - inference)))
        if norms:
            norms[0].set_weights(kept)
    return gaps


# %% right: a copy with the weights and without dropout
def mode_gaps(model, batches):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for layer in copy.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    gaps = []
    for batch in batches:
        difference = model(batch, training=False) - copy(batch, training=True)
        gaps.append(tf.reduce_max(tf.abs(difference)))
    return tf.stack(gaps)


# %% right: sets the rates to 0 for a moment
def mode_gaps(model, batches):
    dropouts = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    rates = [layer.rate for layer in dropouts]
    weights = model.get_weights()
    gaps = []
    try:
        for layer in dropouts:
            layer.rate = 0
        for images in batches:
            inference = model(images, training=False).numpy()
            training = model(images, training=True).numpy()
            model.set_weights(weights)
            gaps.append(np.abs(training - inference).max())
    finally:
        for layer, rate in zip(dropouts, rates):
            layer.rate = rate
    return gaps


# %% right: inference mode for all batches first, by predict, then training mode
def mode_gaps(model, batches):
    weights = model.get_weights()
    inference = [model.predict(batch, verbose=0) for batch in batches]
    gaps = np.zeros(len(batches))
    for i, x in enumerate(batches):
        for layer in model.layers:
            x = layer(x, training=isinstance(layer, keras.layers.BatchNormalization))
        gaps[i] = abs(x.numpy() - inference[i]).max()
    model.set_weights(weights)
    return gaps
