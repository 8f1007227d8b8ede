# %% wrong: the probability of the class instead of its logit
def saliency_maps(model, images, classes):
    images = tf.Variable(images)
    with tf.GradientTape() as tape:
        probabilities = tf.nn.softmax(model(images, training=False))
        scores = tf.gather(probabilities, classes, batch_dims=1)
    return tf.reduce_max(tf.abs(tape.gradient(scores, images)), axis=-1)


# %% wrong: forgets the absolute value
def saliency_maps(model, images, classes):
    images = tf.Variable(images)
    with tf.GradientTape() as tape:
        scores = tf.gather(model(images, training=False), classes, batch_dims=1)
    return tf.reduce_max(tape.gradient(scores, images), axis=-1)


# %% wrong: the mean over the channels instead of the largest
def saliency_maps(model, images, classes):
    images = tf.Variable(images)
    with tf.GradientTape() as tape:
        scores = tf.gather(model(images, training=False), classes, batch_dims=1)
    return tf.reduce_mean(tf.abs(tape.gradient(scores, images)), axis=-1)


# %% wrong: asks about the class that the model guesses
def saliency_maps(model, images, classes):
    images = tf.Variable(images)
    with tf.GradientTape() as tape:
        scores = tf.reduce_max(model(images, training=False), axis=1)
    return tf.reduce_max(tf.abs(tape.gradient(scores, images)), axis=-1)


# %% wrong: in training mode, where batch normalization mixes the images
def saliency_maps(model, images, classes):
    images = tf.Variable(images)
    with tf.GradientTape() as tape:
        scores = tf.gather(model(images, training=True), classes, batch_dims=1)
    return tf.reduce_max(tf.abs(tape.gradient(scores, images)), axis=-1)


# %% right: one image after the other
def saliency_maps(model, images, classes):
    maps = []
    for image, k in zip(images, classes):
        pixels = tf.Variable(image[np.newaxis])
        with tf.GradientTape() as tape:
            logit = model(pixels)[0][int(k)]
        gradient = tape.gradient(logit, pixels)[0]
        maps.append(np.abs(gradient).max(axis=2))
    return np.stack(maps)


# %% right: one-hot classes and one sum for the whole batch
def saliency_maps(model, images, classes):
    x = tf.convert_to_tensor(images, dtype=tf.float32)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        logits = model(x, training=False)
        score = tf.reduce_sum(logits * tf.one_hot(classes, logits.shape[1]))
    gradients = tape.gradient(score, x)
    return tf.math.maximum(
        tf.reduce_max(gradients, axis=3), -tf.reduce_min(gradients, axis=3)
    ).numpy()
