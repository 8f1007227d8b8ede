# %% wrong: the tape does not watch the inputs
def loss_gradients(inputs, kernel, bias, targets):
    inputs = tf.constant(inputs)
    kernel, bias = tf.Variable(kernel), tf.Variable(bias)
    with tf.GradientTape() as tape:
        outputs = tf.tanh(inputs @ kernel + bias)
        loss = tf.reduce_mean((outputs - targets) ** 2)
    return tape.gradient(loss, [kernel, bias, inputs])


# %% wrong: asks the tape three times, which works once only
def loss_gradients(inputs, kernel, bias, targets):
    inputs, kernel, bias = tf.Variable(inputs), tf.Variable(kernel), tf.Variable(bias)
    with tf.GradientTape() as tape:
        outputs = tf.tanh(tf.matmul(inputs, kernel) + bias)
        loss = tf.reduce_mean(tf.square(outputs - targets))
    return tape.gradient(loss, kernel), tape.gradient(loss, bias), tape.gradient(loss, inputs)


# %% wrong: the sum of the squares instead of their mean
def loss_gradients(inputs, kernel, bias, targets):
    inputs, kernel, bias = tf.Variable(inputs), tf.Variable(kernel), tf.Variable(bias)
    with tf.GradientTape() as tape:
        outputs = tf.tanh(tf.matmul(inputs, kernel) + bias)
        loss = tf.reduce_sum(tf.square(outputs - targets))
    return tape.gradient(loss, [kernel, bias, inputs])


# %% wrong: the sum over the units and the mean over the batch
def loss_gradients(inputs, kernel, bias, targets):
    inputs, kernel, bias = tf.Variable(inputs), tf.Variable(kernel), tf.Variable(bias)
    with tf.GradientTape() as tape:
        outputs = tf.tanh(tf.matmul(inputs, kernel) + bias)
        loss = tf.reduce_mean(tf.reduce_sum(tf.square(outputs - targets), axis=1))
    return tape.gradient(loss, [kernel, bias, inputs])


# %% wrong: the gradients of the kernel and the inputs change places
def loss_gradients(inputs, kernel, bias, targets):
    inputs, kernel, bias = tf.Variable(inputs), tf.Variable(kernel), tf.Variable(bias)
    with tf.GradientTape() as tape:
        outputs = tf.tanh(tf.matmul(inputs, kernel) + bias)
        loss = tf.reduce_mean(tf.square(outputs - targets))
    return tape.gradient(loss, [inputs, bias, kernel])


# %% right: a persistent tape, asked three times
def loss_gradients(inputs, kernel, bias, targets):
    inputs, kernel, bias = map(tf.convert_to_tensor, (inputs, kernel, bias))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        tape.watch(kernel)
        tape.watch(bias)
        outputs = keras.ops.tanh(keras.ops.matmul(inputs, kernel) + bias)
        loss = keras.ops.mean(keras.losses.mean_squared_error(targets, outputs))
    gradients = [tape.gradient(loss, source).numpy() for source in (kernel, bias, inputs)]
    del tape
    return gradients


# %% right: by einsum, with variables in float64 from the start
def loss_gradients(inputs, kernel, bias, targets):
    kernel = tf.Variable(kernel, dtype=tf.float64)
    bias = tf.Variable(bias, dtype=tf.float64)
    inputs = tf.Variable(inputs, dtype=tf.float64)
    with tf.GradientTape() as tape:
        difference = tf.math.tanh(tf.einsum("bf,fu->bu", inputs, kernel) + bias) - targets
        loss = tf.reduce_sum(difference**2) / difference.shape[0] / difference.shape[1]
    found = tape.gradient(loss, {"k": kernel, "b": bias, "x": inputs})
    return found["k"], found["b"], found["x"]
