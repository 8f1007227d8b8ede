# %% wrong: moves single columns, not blocks
def lstm_to_keras(kernel, bias, forget_bias=1.0):
    n_hidden = len(bias) // 4
    kernel, bias = kernel.copy(), bias.copy()
    kernel[:, [1, 2]] = kernel[:, [2, 1]]
    bias[[1, 2]] = bias[[2, 1]]
    bias[n_hidden : 2 * n_hidden] += forget_bias
    return [kernel[:-n_hidden], kernel[-n_hidden:], bias]


# %% wrong: leaves the order of the blocks
def lstm_to_keras(kernel, bias, forget_bias=1.0):
    n_hidden = len(bias) // 4
    bias = bias.copy()
    bias[2 * n_hidden : 3 * n_hidden] += forget_bias
    return [kernel[:-n_hidden], kernel[-n_hidden:], bias]


# %% wrong: no forget bias
def lstm_to_keras(kernel, bias, forget_bias=1.0):
    n_hidden = len(bias) // 4
    i, j, f, o = np.split(kernel, 4, axis=1)
    kernel = np.concatenate([i, f, j, o], axis=1)
    i, j, f, o = np.split(bias, 4)
    return [kernel[:-n_hidden], kernel[-n_hidden:], np.concatenate([i, f, j, o])]


# %% wrong: the forget bias is always 1
def lstm_to_keras(kernel, bias, forget_bias=1.0):
    n_hidden = len(bias) // 4
    i, j, f, o = np.split(kernel, 4, axis=1)
    kernel = np.concatenate([i, f, j, o], axis=1)
    i, j, f, o = np.split(bias, 4)
    return [kernel[:-n_hidden], kernel[-n_hidden:], np.concatenate([i, f + 1, j, o])]


# %% wrong: adds the forget bias to the place that the forget gate had in TF1
def lstm_to_keras(kernel, bias, forget_bias=1.0):
    n_hidden = len(bias) // 4
    i, j, f, o = np.split(kernel, 4, axis=1)
    kernel = np.concatenate([i, f, j, o], axis=1)
    i, j, f, o = np.split(bias, 4)
    bias = np.concatenate([i, f, j, o])
    bias[2 * n_hidden : 3 * n_hidden] += forget_bias
    return [kernel[:-n_hidden], kernel[-n_hidden:], bias]


# %% wrong: reorders the bias but not the kernels
def lstm_to_keras(kernel, bias, forget_bias=1.0):
    n_hidden = len(bias) // 4
    i, j, f, o = np.split(bias, 4)
    bias = np.concatenate([i, f + forget_bias, j, o])
    return [kernel[:-n_hidden], kernel[-n_hidden:], bias]


# %% right: an axis for the blocks
def lstm_to_keras(kernel, bias, forget_bias=1.0):
    order = [0, 2, 1, 3]
    n_hidden = bias.shape[0] // 4
    blocks = kernel.reshape(-1, 4, n_hidden)[:, order].reshape(-1, 4 * n_hidden)
    biases = bias.reshape(4, n_hidden)[order] + np.array([[0], [forget_bias], [0], [0]])
    n_input = len(kernel) - n_hidden
    return (blocks[:n_input], blocks[n_input:], biases.reshape(-1))


# %% right: in TensorFlow, first split by rows
def lstm_to_keras(kernel, bias, forget_bias=1.0):
    n = kernel.shape[1] // 4

    def reorder(array):
        i, j, f, o = tf.split(array, 4, axis=-1)
        return tf.concat([i, f, j, o], axis=-1)

    bias = reorder(bias) + tf.concat([tf.zeros(n), tf.fill([n], forget_bias), tf.zeros(2 * n)], 0)
    return [reorder(kernel[:-n]), reorder(kernel[-n:]), bias]
