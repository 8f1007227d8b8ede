# %% wrong: the root is not taken
def update_statistics(moving_mean, moving_variance, values, momentum):
    mean = momentum * moving_mean + (1 - momentum) * values.mean(axis=0)
    variance = momentum * moving_variance + (1 - momentum) * values.var(axis=0)
    return mean, variance


def normalise(values, moving_mean, moving_variance, gamma, beta, epsilon):
    return gamma * (values - moving_mean) / (moving_variance + epsilon) + beta


# %% wrong: momentum the wrong way round in the variance
def update_statistics(moving_mean, moving_variance, values, momentum):
    mean = momentum * moving_mean + (1 - momentum) * values.mean(axis=0)
    variance = (1 - momentum) * moving_variance + momentum * values.var(axis=0)
    return mean, variance


def normalise(values, moving_mean, moving_variance, gamma, beta, epsilon):
    return gamma * (values - moving_mean) / np.sqrt(moving_variance + epsilon) + beta


# %% wrong: 1 in place of epsilon, as in the example
def update_statistics(moving_mean, moving_variance, values, momentum):
    mean = momentum * moving_mean + (1 - momentum) * values.mean(axis=0)
    variance = momentum * moving_variance + (1 - momentum) * values.var(axis=0)
    return mean, variance


def normalise(values, moving_mean, moving_variance, gamma, beta, epsilon):
    return gamma * (values - moving_mean) / np.sqrt(moving_variance + 1) + beta


# %% wrong: the sample variance, which divides by one less
def update_statistics(moving_mean, moving_variance, values, momentum):
    mean = momentum * moving_mean + (1 - momentum) * values.mean(axis=0)
    variance = momentum * moving_variance + (1 - momentum) * values.var(axis=0, ddof=1)
    return mean, variance


def normalise(values, moving_mean, moving_variance, gamma, beta, epsilon):
    return gamma * (values - moving_mean) / np.sqrt(moving_variance + epsilon) + beta


# %% wrong: the variance around the moving mean
def update_statistics(moving_mean, moving_variance, values, momentum):
    mean = momentum * moving_mean + (1 - momentum) * values.mean(axis=0)
    spread = ((values - mean) ** 2).mean(axis=0)
    return mean, momentum * moving_variance + (1 - momentum) * spread


def normalise(values, moving_mean, moving_variance, gamma, beta, epsilon):
    return gamma * (values - moving_mean) / np.sqrt(moving_variance + epsilon) + beta


# %% right: the moving statistics take a step towards the batch
def update_statistics(moving_mean, moving_variance, values, momentum):
    center = np.mean(values, axis=0)
    spread = np.mean((values - center) ** 2, axis=0)
    step = 1 - momentum
    return [
        moving_mean + step * (center - moving_mean),
        moving_variance + step * (spread - moving_variance),
    ]


def normalise(values, moving_mean, moving_variance, gamma, beta, epsilon):
    scale = gamma / (moving_variance + epsilon) ** 0.5
    return values * scale + beta - moving_mean * scale


# %% right: TensorFlow
def update_statistics(moving_mean, moving_variance, values, momentum):
    mean, variance = tf.nn.moments(tf.constant(values, tf.float32), axes=[0])
    return (
        momentum * moving_mean.astype("float32") + (1 - momentum) * mean,
        momentum * moving_variance.astype("float32") + (1 - momentum) * variance,
    )


def normalise(values, moving_mean, moving_variance, gamma, beta, epsilon):
    to_tensor = lambda x: tf.cast(x, tf.float32)
    return tf.nn.batch_normalization(
        *map(to_tensor, (values, moving_mean, moving_variance, beta, gamma)), epsilon
    )
