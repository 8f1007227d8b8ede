# %% wrong: lets fit do the work
def train(model, images, labels, epochs, batch_size, learning_rate):
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    history = model.fit(
        images, labels, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0
    )
    return history.history["loss"], model.get_weights()


# %% wrong: the mean over the batches, in which a small last batch counts as much as the others
def train(model, images, labels, epochs, batch_size, learning_rate):
    optimizer = keras.optimizers.SGD(learning_rate, momentum=0.9)
    loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_function(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return loss

    record = []
    for _ in range(epochs):
        losses = []
        for start in range(0, len(images), batch_size):
            end = start + batch_size
            losses.append(float(step(images[start:end], labels[start:end])))
        record.append(np.mean(losses))
    return record, model.get_weights()


# %% wrong: a new optimizer in every epoch, which has forgotten its momentum
def train(model, images, labels, epochs, batch_size, learning_rate):
    record = []
    for _ in range(epochs):
        optimizer = keras.optimizers.SGD(learning_rate, momentum=0.9)
        total = 0.0
        for start in range(0, len(images), batch_size):
            x, y = images[start : start + batch_size], labels[start : start + batch_size]
            with tf.GradientTape() as tape:
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, model(x, training=True))
                loss = tf.reduce_mean(losses)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            total += float(loss) * len(x)
        record.append(total / len(images))
    return record, model.get_weights()


# %% wrong: the compiled step outside of the function, so it goes on training the first model
@tf.function
def compiled_step(x, y):
    with tf.GradientTape() as tape:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, network(x, training=True))
        loss = tf.reduce_mean(losses)
    gradients = tape.gradient(loss, network.trainable_variables)
    optimizer.apply_gradients(zip(gradients, network.trainable_variables))
    return tf.reduce_sum(losses)


def train(model, images, labels, epochs, batch_size, learning_rate):
    global network, optimizer
    network = model
    optimizer = keras.optimizers.SGD(learning_rate, momentum=0.9)
    optimizer.build(model.trainable_variables)
    record = []
    for _ in range(epochs):
        total = 0.0
        for i in range(0, len(images), batch_size):
            total += float(compiled_step(images[i : i + batch_size], labels[i : i + batch_size]))
        record.append(total / len(images))
    return record, model.get_weights()


# %% wrong: keeps the losses in a list inside of the compiled step, which runs as Python only once
def train(model, images, labels, epochs, batch_size, learning_rate):
    optimizer = keras.optimizers.SGD(learning_rate, momentum=0.9)
    losses = []

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(y, model(x, training=True))
            loss = tf.reduce_mean(each)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        losses.append(loss)

    record = []
    for _ in range(epochs):
        losses.clear()
        for start in range(0, len(images), batch_size):
            step(images[start : start + batch_size], labels[start : start + batch_size])
        record.append(np.mean([float(loss) for loss in losses]))
    return record, model.get_weights()


# %% right: a Keras metric gathers the loss in the compiled step
def train(model, images, labels, epochs, batch_size, learning_rate):
    optimizer = keras.optimizers.SGD(learning_rate=learning_rate, momentum=0.9)
    loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    mean = keras.metrics.Mean()

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_function(y, model(x, training=True))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        mean.update_state(loss, sample_weight=tf.shape(x)[0])

    data = tf.data.Dataset.from_tensor_slices((images, labels)).batch(batch_size).prefetch(1)
    history = []
    for epoch in range(epochs):
        mean.reset_state()
        for x, y in data:
            step(x, y)
        history.append(mean.result().numpy())
        print(f"epoch {epoch + 1}: {history[-1]:.4f}")
    return np.array(history), model.get_weights()


# %% right: not compiled, momentum by hand, the losses of all images in one list
def train(model, images, labels, epochs, batch_size, learning_rate):
    speeds = [tf.zeros_like(weight) for weight in model.trainable_variables]
    history = []
    for _ in range(epochs):
        losses = []
        for start in range(0, len(images), batch_size):
            x, y = images[start : start + batch_size], labels[start : start + batch_size]
            with tf.GradientTape() as tape:
                each = keras.losses.sparse_categorical_crossentropy(
                    y, model(x, training=True), from_logits=True
                )
                loss = tf.reduce_mean(each)
            gradients = tape.gradient(loss, model.trainable_variables)
            for k, weight in enumerate(model.trainable_variables):
                speeds[k] = 0.9 * speeds[k] - learning_rate * gradients[k]
                weight.assign_add(speeds[k])
            losses += each.numpy().tolist()
        history.append(sum(losses) / len(losses))
    return history, model.get_weights()
