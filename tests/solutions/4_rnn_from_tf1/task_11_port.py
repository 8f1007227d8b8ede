# %% wrong: the blocks in the order of Keras
def train_port(kernel, bias, W, b, images, labels, learning_rate):
    weights = [tf.Variable(array, dtype=tf.float32) for array in (kernel, bias, W, b)]
    kernel, bias, W, b = weights
    optimizer = keras.optimizers.Adam(learning_rate, epsilon=1e-8)
    losses = []
    for x, y in zip(images, labels):
        with tf.GradientTape() as tape:
            c = h = tf.zeros([len(x), W.shape[0]])
            for t in range(x.shape[1]):
                z = tf.concat([x[:, t], h], axis=1) @ kernel + bias
                i, f, j, o = tf.split(z, 4, axis=1)
                c = tf.sigmoid(f + 1) * c + tf.sigmoid(i) * tf.tanh(j)
                h = tf.sigmoid(o) * tf.tanh(c)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, h @ W + b))
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
        losses.append(float(loss))
    return losses, [weight.numpy() for weight in weights]


# %% wrong: no forget bias
def train_port(kernel, bias, W, b, images, labels, learning_rate):
    weights = [tf.Variable(array, dtype=tf.float32) for array in (kernel, bias, W, b)]
    kernel, bias, W, b = weights
    optimizer = keras.optimizers.Adam(learning_rate, epsilon=1e-8)
    losses = []
    for x, y in zip(images, labels):
        with tf.GradientTape() as tape:
            c = h = tf.zeros([len(x), W.shape[0]])
            for t in range(x.shape[1]):
                z = tf.concat([x[:, t], h], axis=1) @ kernel + bias
                i, j, f, o = tf.split(z, 4, axis=1)
                c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(j)
                h = tf.sigmoid(o) * tf.tanh(c)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, h @ W + b))
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
        losses.append(float(loss))
    return losses, [weight.numpy() for weight in weights]


# %% wrong: the epsilon of Keras
def train_port(kernel, bias, W, b, images, labels, learning_rate):
    weights = [tf.Variable(array, dtype=tf.float32) for array in (kernel, bias, W, b)]
    kernel, bias, W, b = weights
    optimizer = keras.optimizers.Adam(learning_rate)
    losses = []
    for x, y in zip(images, labels):
        with tf.GradientTape() as tape:
            c = h = tf.zeros([len(x), W.shape[0]])
            for t in range(x.shape[1]):
                z = tf.concat([x[:, t], h], axis=1) @ kernel + bias
                i, j, f, o = tf.split(z, 4, axis=1)
                c = tf.sigmoid(f + 1) * c + tf.sigmoid(i) * tf.tanh(j)
                h = tf.sigmoid(o) * tf.tanh(c)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, h @ W + b))
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
        losses.append(float(loss))
    return losses, [weight.numpy() for weight in weights]


# %% wrong: the state is carried from batch to batch
def train_port(kernel, bias, W, b, images, labels, learning_rate):
    weights = [tf.Variable(array, dtype=tf.float32) for array in (kernel, bias, W, b)]
    kernel, bias, W, b = weights
    optimizer = keras.optimizers.Adam(learning_rate, epsilon=1e-8)
    losses = []
    c = h = tf.zeros([images.shape[1], W.shape[0]])
    for x, y in zip(images, labels):
        with tf.GradientTape() as tape:
            for t in range(x.shape[1]):
                z = tf.concat([x[:, t], h], axis=1) @ kernel + bias
                i, j, f, o = tf.split(z, 4, axis=1)
                c = tf.sigmoid(f + 1) * c + tf.sigmoid(i) * tf.tanh(j)
                h = tf.sigmoid(o) * tf.tanh(c)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, h @ W + b))
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
        losses.append(float(loss))
    return losses, [weight.numpy() for weight in weights]


# %% wrong: the loss after the step
def train_port(kernel, bias, W, b, images, labels, learning_rate):
    weights = [tf.Variable(array, dtype=tf.float32) for array in (kernel, bias, W, b)]
    kernel, bias, W, b = weights
    optimizer = keras.optimizers.Adam(learning_rate, epsilon=1e-8)
    losses = []

    def compute_loss(x, y):
        c = h = tf.zeros([len(x), W.shape[0]])
        for t in range(x.shape[1]):
            z = tf.concat([x[:, t], h], axis=1) @ kernel + bias
            i, j, f, o = tf.split(z, 4, axis=1)
            c = tf.sigmoid(f + 1) * c + tf.sigmoid(i) * tf.tanh(j)
            h = tf.sigmoid(o) * tf.tanh(c)
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, h @ W + b))

    for x, y in zip(images, labels):
        with tf.GradientTape() as tape:
            loss = compute_loss(x, y)
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
        losses.append(float(compute_loss(x, y)))
    return losses, [weight.numpy() for weight in weights]


# %% wrong: returns the bias with the forget bias in it
def train_port(kernel, bias, W, b, images, labels, learning_rate):
    n_hidden, n_class = W.shape
    n_step, n_input = images.shape[2:]
    order = [0, 2, 1, 3]

    def reorder(array):
        blocks = array.reshape(*array.shape[:-1], 4, n_hidden)
        return blocks[..., order, :].reshape(array.shape)

    shift = np.repeat([0, 1, 0, 0], n_hidden).astype("float32")
    lstm, dense = keras.layers.LSTM(n_hidden), keras.layers.Dense(n_class)
    model = keras.Sequential([keras.Input((n_step, n_input)), lstm, dense])
    kernel = reorder(kernel)
    lstm.set_weights([kernel[:n_input], kernel[n_input:], reorder(bias) + shift])
    dense.set_weights([W, b])
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate, epsilon=1e-8),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    losses = []
    for x, y in zip(images, labels):
        losses.append(model.train_on_batch(x, y))
    first, second, bias = lstm.get_weights()
    W, b = dense.get_weights()
    return losses, [reorder(np.concatenate([first, second])), reorder(bias), W, b]


# %% wrong: the sizes of the recorded run
def train_port(kernel, bias, W, b, images, labels, learning_rate):
    weights = [tf.Variable(array, dtype=tf.float32) for array in (kernel, bias, W, b)]
    kernel, bias, W, b = weights
    optimizer = keras.optimizers.Adam(learning_rate, epsilon=1e-8)
    losses = []
    for x, y in zip(images, labels):
        with tf.GradientTape() as tape:
            c = h = tf.zeros([4, 2])
            for t in range(5):
                z = tf.concat([x[:, t], h], axis=1) @ kernel + bias
                i, j, f, o = tf.split(z, 4, axis=1)
                c = tf.sigmoid(f + 1) * c + tf.sigmoid(i) * tf.tanh(j)
                h = tf.sigmoid(o) * tf.tanh(c)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, h @ W + b))
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
        losses.append(float(loss))
    return losses, [weight.numpy() for weight in weights]


# %% right: in 64-bit numbers, Adam by hand
def train_port(kernel, bias, W, b, images, labels, learning_rate):
    weights = [tf.constant(array, tf.float64) for array in (kernel, bias, W, b)]
    m = [tf.zeros_like(w) for w in weights]
    v = [tf.zeros_like(w) for w in weights]
    losses = []
    for step in range(1, len(images) + 1):
        x, y = tf.cast(images[step - 1], tf.float64), tf.cast(labels[step - 1], tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(weights)
            kernel, bias, W, b = weights
            c = h = tf.zeros((x.shape[0], W.shape[0]), tf.float64)
            for row in tf.unstack(x, axis=1):
                i, j, f, o = tf.split(tf.matmul(tf.concat([row, h], 1), kernel) + bias, 4, 1)
                c = tf.sigmoid(f + 1) * c + tf.sigmoid(i) * tf.tanh(j)
                h = tf.sigmoid(o) * tf.tanh(c)
            loss = -tf.reduce_sum(y * tf.nn.log_softmax(h @ W + b)) / len(y)
        losses.append(loss.numpy())
        rate = learning_rate * (1 - 0.999**step) ** 0.5 / (1 - 0.9**step)
        for k, g in enumerate(tape.gradient(loss, weights)):
            m[k] = 0.9 * m[k] + 0.1 * g
            v[k] = 0.999 * v[k] + 0.001 * g * g
            weights[k] = weights[k] - rate * m[k] / (tf.sqrt(v[k]) + 1e-8)
    return losses, weights


# %% right: a Keras model and train_on_batch
def train_port(kernel, bias, W, b, images, labels, learning_rate):
    n_hidden, n_class = W.shape
    n_step, n_input = images.shape[2:]
    order = [0, 2, 1, 3]

    def reorder(array):
        blocks = array.reshape(*array.shape[:-1], 4, n_hidden)
        return blocks[..., order, :].reshape(array.shape)

    shift = np.repeat([0, 1, 0, 0], n_hidden).astype("float32")
    lstm, dense = keras.layers.LSTM(n_hidden), keras.layers.Dense(n_class)
    model = keras.Sequential([keras.Input((n_step, n_input)), lstm, dense])
    kernel = reorder(kernel)
    lstm.set_weights([kernel[:n_input], kernel[n_input:], reorder(bias) + shift])
    dense.set_weights([W, b])
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate, epsilon=1e-8),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    losses = []
    for x, y in zip(images, labels):
        losses.append(model.train_on_batch(x, y))
    first, second, bias = lstm.get_weights()
    W, b = dense.get_weights()
    return losses, [reorder(np.concatenate([first, second])), reorder(bias - shift), W, b]
