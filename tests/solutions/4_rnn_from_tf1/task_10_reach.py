# %% wrong: the tape does not watch the inputs
def gradient_norms(X, kernel, bias):
    X = tf.constant(X)
    h = tf.zeros([X.shape[0], kernel.shape[1]])
    with tf.GradientTape() as tape:
        for t in range(X.shape[1]):
            h = tf.tanh(tf.concat([X[:, t], h], axis=1) @ kernel + bias)
        total = tf.reduce_sum(h)
    return tf.norm(tape.gradient(total, X), axis=(0, 2))


# %% wrong: the sum of the states of all steps
def gradient_norms(X, kernel, bias):
    X = tf.constant(X)
    h = tf.zeros([X.shape[0], kernel.shape[1]])
    total = 0.0
    with tf.GradientTape() as tape:
        tape.watch(X)
        for t in range(X.shape[1]):
            h = tf.tanh(tf.concat([X[:, t], h], axis=1) @ kernel + bias)
            total += tf.reduce_sum(h)
    return tf.norm(tape.gradient(total, X), axis=(0, 2))


# %% wrong: the mean of the norms of the sequences
def gradient_norms(X, kernel, bias):
    X = tf.constant(X)
    h = tf.zeros([X.shape[0], kernel.shape[1]])
    with tf.GradientTape() as tape:
        tape.watch(X)
        for t in range(X.shape[1]):
            h = tf.tanh(tf.concat([X[:, t], h], axis=1) @ kernel + bias)
        total = tf.reduce_sum(h)
    return tf.reduce_mean(tf.norm(tape.gradient(total, X), axis=2), axis=0)


# %% wrong: the last step first
def gradient_norms(X, kernel, bias):
    X = tf.constant(X)
    h = tf.zeros([X.shape[0], kernel.shape[1]])
    with tf.GradientTape() as tape:
        tape.watch(X)
        for t in range(X.shape[1]):
            h = tf.tanh(tf.concat([X[:, t], h], axis=1) @ kernel + bias)
        total = tf.reduce_sum(h)
    return tf.norm(tape.gradient(total, X), axis=(0, 2))[::-1]


# %% wrong: the mean of the last states
def gradient_norms(X, kernel, bias):
    X = tf.constant(X)
    h = tf.zeros([X.shape[0], kernel.shape[1]])
    with tf.GradientTape() as tape:
        tape.watch(X)
        for t in range(X.shape[1]):
            h = tf.tanh(tf.concat([X[:, t], h], axis=1) @ kernel + bias)
        mean = tf.reduce_mean(h)
    return tf.norm(tape.gradient(mean, X), axis=(0, 2))


# %% wrong: the sum of the sizes instead of the norm
def gradient_norms(X, kernel, bias):
    X = tf.constant(X)
    h = tf.zeros([X.shape[0], kernel.shape[1]])
    with tf.GradientTape() as tape:
        tape.watch(X)
        for t in range(X.shape[1]):
            h = tf.tanh(tf.concat([X[:, t], h], axis=1) @ kernel + bias)
        total = tf.reduce_sum(h)
    return tf.reduce_sum(tf.abs(tape.gradient(total, X)), axis=(0, 2))


# %% right: a tensor for each step, a list of numbers
def gradient_norms(X, kernel, bias):
    steps = [tf.Variable(X[:, t]) for t in range(X.shape[1])]
    n_input = X.shape[2]
    with tf.GradientTape() as tape:
        h = tf.zeros((len(X), len(bias)))
        for x in steps:
            h = tf.tanh(tf.matmul(x, kernel[:n_input]) + tf.matmul(h, kernel[n_input:]) + bias)
    return [float(tf.sqrt(tf.reduce_sum(g**2))) for g in tape.gradient(h, steps)]


# %% right: back through time by hand, in NumPy
def gradient_norms(X, kernel, bias):
    batch, n_step, n_input = X.shape
    W, U = kernel[:n_input], kernel[n_input:]
    h, states = np.zeros((batch, len(bias))), []
    for t in range(n_step):
        h = np.tanh(X[:, t] @ W + h @ U + bias)
        states.append(h)
    back, norms = np.ones_like(h), np.zeros(n_step)
    for t in reversed(range(n_step)):
        back = back * (1 - states[t] ** 2)
        norms[t] = np.sqrt(np.sum((back @ W.T) ** 2))
        back = back @ U.T
    return norms


# %% right: with Keras
def gradient_norms(X, kernel, bias):
    n_input = X.shape[-1]
    rnn = keras.layers.SimpleRNN(len(bias))
    X = tf.convert_to_tensor(X)
    rnn(X)
    rnn.set_weights([kernel[:n_input], kernel[n_input:], bias])
    with tf.GradientTape() as tape:
        tape.watch(X)
        last = rnn(X)
    gradient = tape.gradient(last, X).numpy()
    return np.linalg.norm(np.moveaxis(gradient, 1, 0).reshape(X.shape[1], -1), axis=1)
