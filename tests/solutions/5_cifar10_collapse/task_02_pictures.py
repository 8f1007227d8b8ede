# %% wrong: divides whenever it is called
def prepare(images, labels):
    return np.array(images / 255.0, dtype=np.float32), labels.reshape(-1).astype(int)


def names_of(model, images, names):
    if images.ndim == 3:
        images = np.expand_dims(images, axis=0)
    return [names[k] for k in np.argmax(model(images), axis=1)]


# %% wrong: tells raw pictures by their largest value, so that dark ones are taken for prepared
def prepare(images, labels):
    if images.max() > 1:
        images = images / 255.0
    return images.astype("float32"), labels.reshape(-1).astype("int32")


def names_of(model, images, names):
    if images.ndim == 3:
        images = images[np.newaxis]
    return [names[k] for k in np.argmax(model(images), axis=1)]


# %% wrong: squeezes the labels, so that a single one loses its axis
def prepare(images, labels):
    if np.issubdtype(images.dtype, np.integer):
        images = images / 255.0
    return images.astype("float32"), labels.squeeze().astype("int64")


def names_of(model, images, names):
    if images.ndim == 3:
        images = images[np.newaxis]
    return [names[k] for k in np.argmax(model(images), axis=1)]


# %% wrong: knows uint8 only
def prepare(images, labels):
    if images.dtype == np.uint8:
        images = images / 255.0
    return images.astype("float32"), labels.reshape(-1).astype("int64")


def names_of(model, images, names):
    if images.ndim == 3:
        images = images[np.newaxis]
    return [names[k] for k in np.argmax(model(images), axis=1)]


# %% wrong: argmax over the whole batch
def prepare(images, labels):
    if images.dtype.kind in "iu":
        images = images / 255.0
    return images.astype("float32"), labels.ravel().astype("int64")


def names_of(model, images, names):
    if images.ndim == 3:
        images = images[np.newaxis]
    return [names[np.argmax(model(images))]]


# %% wrong: takes floats above 1 for raw pictures
def prepare(images, labels):
    if np.issubdtype(images.dtype, np.integer) or images.max() > 1:
        images = images / 255.0
    return images.astype("float32"), labels.reshape(-1).astype("int64")


def names_of(model, images, names):
    if images.ndim == 3:
        images = images[np.newaxis]
    return [names[k] for k in np.argmax(model(images), axis=1)]


# %% wrong: clips to 0..1, floats too
def prepare(images, labels):
    if np.issubdtype(images.dtype, np.integer):
        images = images / 255.0
    return np.clip(images, 0, 1).astype("float32"), labels.reshape(-1).astype("int64")


def names_of(model, images, names):
    if images.ndim == 3:
        images = images[np.newaxis]
    return [names[k] for k in np.argmax(model(images), axis=1)]


# %% right: TensorFlow
def prepare(images, labels):
    whole = not np.issubdtype(images.dtype, np.floating)
    images = tf.cast(images, tf.float32)
    if whole:
        images = images / 255.0
    return images, tf.cast(tf.reshape(labels, [-1]), tf.int32)


def names_of(model, images, names):
    images = tf.reshape(images, [-1, *images.shape[-3:]])
    return tf.gather(names, tf.argmax(model(images), axis=1)).numpy().astype(str)


# %% right: predict, one picture after the other
def prepare(images, labels):
    if images.dtype.kind != "f":
        images = images.astype(np.float32) / np.float32(255)
    labels = np.array([int(label) for label in labels.flatten()])
    return images.astype(np.float32), labels


def names_of(model, images, names):
    if len(images.shape) == 3:
        images = np.array([images])
    scores = model.predict(images, verbose=0)
    result = []
    for row in scores:
        result.append(names[int(np.argmax(row))])
    return result
