# %% wrong: two of three mended, the labels still belong to other images
def prepare(images, labels, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.permutation(images / 16)
    n_train = len(images) * 3 // 4
    return images[:n_train], labels[:n_train], images[n_train:], labels[n_train:]


# %% wrong: two of three mended, some images are in both parts
def prepare(images, labels, seed=0):
    rng = np.random.default_rng(seed)
    images = images / 16
    n_train = len(images) * 3 // 4
    train = rng.choice(len(images), n_train, replace=False)
    validation = rng.choice(len(images), len(images) - n_train, replace=False)
    return images[train], labels[train], images[validation], labels[validation]


# %% wrong: two of three mended, the pixels are still divided by 255
def prepare(images, labels, seed=0):
    order = np.random.default_rng(seed).permutation(len(images))
    images, labels = images[order] / 255, labels[order]
    n_train = len(images) * 3 // 4
    return images[:n_train], labels[:n_train], images[n_train:], labels[n_train:]


# %% wrong: divides by the brightest pixel of the images at hand
def prepare(images, labels, seed=0):
    order = np.random.default_rng(seed).permutation(len(images))
    images, labels = images[order] / images.max(), labels[order]
    n_train = len(images) * 3 // 4
    return images[:n_train], labels[:n_train], images[n_train:], labels[n_train:]


# %% wrong: labels stay right because nothing is shuffled any more
def prepare(images, labels, seed=0):
    images = images / 16
    n_train = len(images) * 3 // 4
    return images[:n_train], labels[:n_train], images[n_train:], labels[n_train:]


# %% right: train_test_split of scikit-learn
def prepare(images, labels, seed=0):
    from sklearn.model_selection import train_test_split

    parts = train_test_split(images / 16.0, labels, test_size=0.25, random_state=seed)
    train_images, val_images, train_labels, val_labels = parts
    return train_images, train_labels, val_images, val_labels


# %% right: the same generator twice
def prepare(images, labels, seed=0):
    x = np.random.default_rng(seed).permutation(images).astype("float32") * 0.0625
    y = np.random.default_rng(seed).permutation(labels)
    cut = len(x) - -(-len(x) // 4)
    (a, b), (c, d) = np.split(x, [cut]), np.split(y, [cut])
    return a, c, tf.constant(b), tf.constant(d)
