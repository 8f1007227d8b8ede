# %% wrong: batches first and shuffles afterwards, so only the batches change their order
def epoch_batches(inputs, labels, batch_size, epochs, seed):
    dataset = tf.data.Dataset.from_tensor_slices((inputs, labels))
    dataset = dataset.batch(batch_size).shuffle(len(inputs), seed=seed)
    return [list(dataset.as_numpy_iterator()) for _ in range(epochs)]


# %% wrong: the shuffle chooses among 10,000 examples only
def epoch_batches(inputs, labels, batch_size, epochs, seed):
    dataset = tf.data.Dataset.from_tensor_slices((inputs, labels))
    dataset = dataset.shuffle(10_000, seed=seed).batch(batch_size)
    return [list(dataset.as_numpy_iterator()) for _ in range(epochs)]


# %% wrong: inputs and labels are shuffled apart from each other
def epoch_batches(inputs, labels, batch_size, epochs, seed):
    xs = tf.data.Dataset.from_tensor_slices(inputs).shuffle(len(inputs), seed=seed)
    ys = tf.data.Dataset.from_tensor_slices(labels).shuffle(len(labels), seed=seed + 1)
    dataset = tf.data.Dataset.zip((xs, ys)).batch(batch_size)
    return [list(dataset.as_numpy_iterator()) for _ in range(epochs)]


# %% wrong: repeats before it batches, so a batch holds examples of two epochs
def epoch_batches(inputs, labels, batch_size, epochs, seed):
    dataset = tf.data.Dataset.from_tensor_slices((inputs, labels))
    dataset = dataset.shuffle(len(labels), seed=seed).repeat(epochs).batch(batch_size)
    batches = list(dataset.as_numpy_iterator())
    each = -(-len(batches) // epochs)
    return [batches[n * each : (n + 1) * each] for n in range(epochs)]


# %% wrong: the same order in every epoch
def epoch_batches(inputs, labels, batch_size, epochs, seed):
    dataset = tf.data.Dataset.from_tensor_slices((inputs, labels))
    dataset = dataset.shuffle(len(labels), seed=seed, reshuffle_each_iteration=False)
    dataset = dataset.batch(batch_size)
    return [list(dataset.as_numpy_iterator()) for _ in range(epochs)]


# %% right: shuffles, batches and repeats, and cuts the stream into epochs
def epoch_batches(inputs, labels, batch_size, epochs, seed):
    dataset = tf.data.Dataset.from_tensor_slices((inputs, labels))
    dataset = dataset.cache().shuffle(inputs.shape[0], seed).batch(batch_size).repeat(epochs)
    batches = [(x.numpy(), y.numpy()) for x, y in dataset.prefetch(tf.data.AUTOTUNE)]
    each = int(np.ceil(len(labels) / batch_size))
    return [batches[n * each : (n + 1) * each] for n in range(epochs)]


# %% right: a shuffled range of numbers, a new dataset for each epoch, tensors
def epoch_batches(inputs, labels, batch_size, epochs, seed):
    result = []
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(labels))
        dataset = tf.data.Dataset.from_tensor_slices((inputs[order], labels[order]))
        result.append([[x, y] for x, y in dataset.batch(batch_size)])
    return result
