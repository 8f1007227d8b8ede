# %% wrong: overflows
def cost_and_gradient(logits, labels):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return -np.mean(np.sum(labels * np.log(p), axis=1)), (p - labels) / len(logits)


# %% wrong: the mean over classes too
def cost_and_gradient(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.mean(labels * log_p), (np.exp(log_p) - labels) / logits.size


# %% wrong: the gradient is not divided by the batch
def cost_and_gradient(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.mean(np.sum(labels * log_p, axis=1)), np.exp(log_p) - labels


# %% wrong: takes the labels for one-hot
def cost_and_gradient(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows, right = np.arange(len(logits)), labels.argmax(axis=1)
    gradient = np.exp(log_p)
    gradient[rows, right] -= 1
    return -np.mean(log_p[rows, right]), gradient / len(logits)


# %% wrong: a small number in the logarithm against zero
def cost_and_gradient(logits, labels):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return -np.mean(np.sum(labels * np.log(p + 1e-12), axis=1)), (p - labels) / len(logits)


# %% wrong: the sign of the gradient
def cost_and_gradient(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.mean(np.sum(labels * log_p, axis=1)), (labels - np.exp(log_p)) / len(logits)


# %% right: example by example, with logaddexp
def cost_and_gradient(logits, labels):
    costs, gradients = [], []
    for z, y in zip(logits, labels):
        log_p = z - np.logaddexp.reduce(z)
        costs.append(-(y @ log_p))
        gradients.append((np.exp(log_p) - y) / len(logits))
    return sum(costs) / len(costs), gradients


# %% right: in TensorFlow, the gradient by a tape
def cost_and_gradient(logits, labels):
    logits = tf.Variable(logits, dtype=tf.float32)
    with tf.GradientTape() as tape:
        losses = tf.nn.softmax_cross_entropy_with_logits(tf.cast(labels, tf.float32), logits)
        cost = tf.reduce_mean(losses)
    return cost, tape.gradient(cost, logits)
