# %% wrong: the share of zeros, not of dead units
def dead_shares(outputs):
    return [np.mean(layer == 0) for layer in outputs]


# %% wrong: looks at each position of a channel by itself
def dead_shares(outputs):
    return [np.mean(np.max(layer, axis=0) == 0) for layer in outputs]


# %% wrong: a unit that is 0 for one picture counts as dead
def dead_shares(outputs):
    return [np.mean((layer == 0).any(axis=tuple(range(layer.ndim - 1)))) for layer in outputs]


# %% wrong: takes tiny outputs for 0
def dead_shares(outputs):
    return [np.mean(layer.reshape(-1, layer.shape[-1]).max(axis=0) < 1e-6) for layer in outputs]


# %% wrong: knows two axes and four, and no others
def dead_shares(outputs):
    shares = []
    for layer in outputs:
        axes = (0, 1, 2) if layer.ndim == 4 else 0
        alive = (layer > 0).any(axis=axes)
        shares.append(np.sum(~alive) / len(layer[0]))
    return shares


# %% right: loops over the units
def dead_shares(outputs):
    shares = []
    for layer in outputs:
        units = layer.shape[-1]
        dead = 0
        for unit in range(units):
            if not np.any(layer[..., unit] > 0):
                dead += 1
        shares.append(dead / units)
    return shares


# %% right: TensorFlow, in an array
def dead_shares(outputs):
    shares = []
    for layer in outputs:
        largest = tf.reduce_max(layer, axis=list(range(len(layer.shape) - 1)))
        shares.append(tf.reduce_mean(tf.cast(tf.equal(largest, 0), tf.float32)))
    return tf.stack(shares)
