# %% wrong: the loss after the step
def train_step(model, images, labels, learning_rate):
    loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        loss = loss_function(labels, model(images, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    keras.optimizers.SGD(learning_rate).apply_gradients(zip(gradients, model.trainable_variables))
    loss = loss_function(labels, model(images, training=True))
    return loss, model.get_weights()


# %% wrong: takes the logits for probabilities
def train_step(model, images, labels, learning_rate):
    loss_function = keras.losses.SparseCategoricalCrossentropy()
    with tf.GradientTape() as tape:
        loss = loss_function(labels, model(images, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    keras.optimizers.SGD(learning_rate).apply_gradients(zip(gradients, model.trainable_variables))
    return loss, model.get_weights()


# %% wrong: lets Keras take the step
def train_step(model, images, labels, learning_rate):
    loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.SGD(learning_rate), loss=loss_function)
    loss = model.train_on_batch(images, labels)
    return loss, model.get_weights()


# %% wrong: not in training mode
def train_step(model, images, labels, learning_rate):
    with tf.GradientTape() as tape:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, model(images))
        loss = tf.reduce_mean(losses)
    gradients = tape.gradient(loss, model.trainable_variables)
    for weight, gradient in zip(model.trainable_variables, gradients):
        weight.assign_sub(learning_rate * gradient)
    return float(loss), model.get_weights()


# %% wrong: changes the weights of frozen layers too
def train_step(model, images, labels, learning_rate):
    with tf.GradientTape() as tape:
        tape.watch([w.value for w in model.weights])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels, model(images, training=True)
        )
        loss = tf.reduce_mean(losses)
    gradients = tape.gradient(loss, [w.value for w in model.weights])
    for weight, gradient in zip(model.weights, gradients):
        if gradient is not None:
            weight.assign_sub(learning_rate * gradient)
    return float(loss), model.get_weights()


# %% right: a Keras loss, an optimizer that applies by name, weights as tensors
def train_step(model, images, labels, learning_rate):
    loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(learning_rate=learning_rate)
    with tf.GradientTape() as tape:
        logits = model(tf.constant(images), training=True)
        loss = loss_function(labels, logits)
    gradients = tape.gradient(loss, model.trainable_weights)
    optimizer.apply(gradients, model.trainable_weights)
    return [loss.numpy(), [tf.constant(weight) for weight in model.get_weights()]]


# %% right: one-hot labels, the softmax by hand, weights subtracted by hand
def train_step(model, images, labels, learning_rate):
    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        targets = tf.one_hot(labels, logits.shape[-1])
        log_p = tf.nn.log_softmax(logits)
        loss = -tf.reduce_sum(targets * log_p) / len(labels)
    weights = model.trainable_weights
    for weight, gradient in zip(weights, tape.gradient(loss, weights)):
        weight.assign(weight - learning_rate * gradient)
    return float(loss), model.get_weights()
