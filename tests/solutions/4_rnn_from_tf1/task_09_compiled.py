# %% wrong: a Python loop over a size that is not known yet
@tf.function(
    input_signature=[tf.TensorSpec([None] * axes, tf.float32) for axes in (3, 2, 1)],
)
def lstm_outputs(X, kernel, bias):
    n_hidden = tf.shape(bias)[0] // 4
    c = h = tf.zeros([tf.shape(X)[0], n_hidden])
    outputs = []
    for t in range(X.shape[1]):
        sums = tf.concat([X[:, t], h], axis=1) @ kernel + bias
        i, j, f, o = tf.split(sums, 4, axis=1)
        c = tf.sigmoid(f + 1) * c + tf.sigmoid(i) * tf.tanh(j)
        h = tf.sigmoid(o) * tf.tanh(c)
        outputs.append(h)
    return tf.stack(outputs, axis=1)


# %% wrong: collects in a Python list
@tf.function(
    input_signature=[tf.TensorSpec([None] * axes, tf.float32) for axes in (3, 2, 1)],
)
def lstm_outputs(X, kernel, bias):
    c = h = tf.zeros([tf.shape(X)[0], tf.shape(bias)[0] // 4])
    outputs = []
    for t in tf.range(tf.shape(X)[1]):
        sums = tf.concat([X[:, t], h], axis=1) @ kernel + bias
        i, j, f, o = tf.split(sums, 4, axis=1)
        c = tf.sigmoid(f + 1) * c + tf.sigmoid(i) * tf.tanh(j)
        h = tf.sigmoid(o) * tf.tanh(c)
        outputs.append(h)
    return tf.stack(outputs, axis=1)


# %% wrong: the results have time as their first axis
@tf.function(
    input_signature=[tf.TensorSpec([None] * axes, tf.float32) for axes in (3, 2, 1)],
)
def lstm_outputs(X, kernel, bias):
    n_step = tf.shape(X)[1]
    c = h = tf.zeros([tf.shape(X)[0], tf.shape(bias)[0] // 4])
    results = tf.TensorArray(tf.float32, size=n_step)
    for t in tf.range(n_step):
        sums = tf.concat([X[:, t], h], axis=1) @ kernel + bias
        i, j, f, o = tf.split(sums, 4, axis=1)
        c = tf.sigmoid(f + 1) * c + tf.sigmoid(i) * tf.tanh(j)
        h = tf.sigmoid(o) * tf.tanh(c)
        results = results.write(t, h)
    return results.stack()


# %% wrong: takes the number of inputs for the number of units
@tf.function(
    input_signature=[tf.TensorSpec([None] * axes, tf.float32) for axes in (3, 2, 1)],
)
def lstm_outputs(X, kernel, bias):
    n_step = tf.shape(X)[1]
    c = h = tf.zeros([tf.shape(X)[0], tf.shape(X)[2]])
    results = tf.TensorArray(tf.float32, size=n_step)
    for t in tf.range(n_step):
        sums = tf.concat([X[:, t], h], axis=1) @ kernel + bias
        i, j, f, o = tf.split(sums, 4, axis=1)
        c = tf.sigmoid(f + 1) * c + tf.sigmoid(i) * tf.tanh(j)
        h = tf.sigmoid(o) * tf.tanh(c)
        results = results.write(t, h)
    return tf.transpose(results.stack(), [1, 0, 2])


# %% wrong: the batch swapped with time by a reshape
@tf.function(
    input_signature=[tf.TensorSpec([None] * axes, tf.float32) for axes in (3, 2, 1)],
)
def lstm_outputs(X, kernel, bias):
    batch, n_step = tf.shape(X)[0], tf.shape(X)[1]
    c = h = tf.zeros([batch, tf.shape(bias)[0] // 4])
    results = tf.TensorArray(tf.float32, size=n_step)
    for t in tf.range(n_step):
        sums = tf.concat([X[:, t], h], axis=1) @ kernel + bias
        i, j, f, o = tf.split(sums, 4, axis=1)
        c = tf.sigmoid(f + 1) * c + tf.sigmoid(i) * tf.tanh(j)
        h = tf.sigmoid(o) * tf.tanh(c)
        results = results.write(t, h)
    return tf.reshape(results.stack(), [batch, n_step, -1])


# %% wrong: no forget bias
@tf.function(
    input_signature=[tf.TensorSpec([None] * axes, tf.float32) for axes in (3, 2, 1)],
)
def lstm_outputs(X, kernel, bias):
    n_step = tf.shape(X)[1]
    c = h = tf.zeros([tf.shape(X)[0], tf.shape(bias)[0] // 4])
    results = tf.TensorArray(tf.float32, size=n_step)
    for t in tf.range(n_step):
        sums = tf.concat([X[:, t], h], axis=1) @ kernel + bias
        i, j, f, o = tf.split(sums, 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(j)
        h = tf.sigmoid(o) * tf.tanh(c)
        results = results.write(t, h)
    return tf.transpose(results.stack(), [1, 0, 2])


# %% wrong: without tf.function, in NumPy
def lstm_outputs(X, kernel, bias):
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    n_hidden = len(bias) // 4
    c = h = np.zeros((len(X), n_hidden))
    outputs = []
    for t in range(X.shape[1]):
        i, j, f, o = np.split(np.concatenate([X[:, t], h], axis=1) @ kernel + bias, 4, axis=1)
        c = sigmoid(f + 1) * c + sigmoid(i) * np.tanh(j)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1)


# %% wrong: the lines with tf.function deleted
def lstm_outputs(X, kernel, bias):
    c = h = tf.zeros([X.shape[0], bias.shape[0] // 4])
    outputs = []
    for t in range(X.shape[1]):
        i, j, f, o = tf.split(tf.concat([X[:, t], h], axis=1) @ kernel + bias, 4, axis=1)
        c = tf.sigmoid(f + 1) * c + tf.sigmoid(i) * tf.tanh(j)
        h = tf.sigmoid(o) * tf.tanh(c)
        outputs.append(h)
    return tf.stack(outputs, axis=1)


# %% right: by tf.scan
@tf.function(
    input_signature=[tf.TensorSpec([None] * axes, tf.float32) for axes in (3, 2, 1)],
)
def lstm_outputs(X, kernel, bias):
    def step(state, x):
        c, h = state
        i, j, f, o = tf.split(tf.concat([x, h], 1) @ kernel + bias, 4, axis=1)
        c = tf.sigmoid(f + 1.0) * c + tf.sigmoid(i) * tf.tanh(j)
        return c, tf.sigmoid(o) * tf.tanh(c)

    zero = tf.zeros([tf.shape(X)[0], tf.shape(kernel)[1] // 4])
    _, h = tf.scan(step, tf.transpose(X, [1, 0, 2]), (zero, zero))
    return tf.transpose(h, [1, 0, 2])


# %% right: by tf.while_loop, the product with the inputs before the loop
@tf.function(
    input_signature=[tf.TensorSpec([None] * axes, tf.float32) for axes in (3, 2, 1)],
)
def lstm_outputs(X, kernel, bias):
    n_input, n_step = tf.shape(X)[2], tf.shape(X)[1]
    ready = tf.einsum("bti,io->tbo", X, kernel[:n_input]) + bias
    zero = tf.zeros([tf.shape(X)[0], tf.shape(kernel)[0] - n_input])

    def body(t, c, h, array):
        i, j, f, o = tf.split(ready[t] + tf.matmul(h, kernel[n_input:]), 4, axis=-1)
        c = tf.nn.sigmoid(f + 1) * c + tf.nn.sigmoid(i) * tf.nn.tanh(j)
        h = tf.nn.sigmoid(o) * tf.nn.tanh(c)
        return t + 1, c, h, array.write(t, h)

    array = tf.TensorArray(tf.float32, n_step)
    *_, array = tf.while_loop(lambda t, *_: t < n_step, body, (0, zero, zero, array))
    return tf.einsum("tbo->bto", array.stack())


# %% right: grows one tensor, whose shape changes in the loop
@tf.function(
    input_signature=[tf.TensorSpec([None] * axes, tf.float32) for axes in (3, 2, 1)],
)
def lstm_outputs(X, kernel, bias):
    n = tf.shape(bias)[0] // 4
    c = tf.zeros([tf.shape(X)[0], n])
    h = tf.zeros([tf.shape(X)[0], n])
    outputs = tf.zeros([tf.shape(X)[0], 0, n])
    t = 0
    while tf.less(t, tf.shape(X)[1]):
        tf.autograph.experimental.set_loop_options(
            shape_invariants=[(outputs, tf.TensorShape([None, None, None]))]
        )
        z = tf.concat([X[:, t, :], h], axis=1) @ kernel + bias
        c = tf.sigmoid(z[:, 2 * n : 3 * n] + 1) * c + tf.sigmoid(z[:, :n]) * tf.tanh(
            z[:, n : 2 * n]
        )
        h = tf.sigmoid(z[:, 3 * n :]) * tf.tanh(c)
        outputs = tf.concat([outputs, h[:, tf.newaxis]], axis=1)
        t = t + 1
    return outputs
