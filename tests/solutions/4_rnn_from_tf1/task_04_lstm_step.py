# %% wrong: the blocks in the order of Keras
def basic_lstm_step(inputs, c, h, kernel, bias, forget_bias=1.0):
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    i, f, j, o = np.split(np.concatenate([inputs, h], axis=1) @ kernel + bias, 4, axis=1)
    c = sigmoid(f + forget_bias) * c + sigmoid(i) * np.tanh(j)
    return c, sigmoid(o) * np.tanh(c)


# %% wrong: no forget bias
def basic_lstm_step(inputs, c, h, kernel, bias, forget_bias=1.0):
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    i, j, f, o = np.split(np.concatenate([inputs, h], axis=1) @ kernel + bias, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(j)
    return c, sigmoid(o) * np.tanh(c)


# %% wrong: the forget bias is always 1
def basic_lstm_step(inputs, c, h, kernel, bias, forget_bias=1.0):
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    i, j, f, o = np.split(np.concatenate([inputs, h], axis=1) @ kernel + bias, 4, axis=1)
    c = sigmoid(f + 1) * c + sigmoid(i) * np.tanh(j)
    return c, sigmoid(o) * np.tanh(c)


# %% wrong: returns h first
def basic_lstm_step(inputs, c, h, kernel, bias, forget_bias=1.0):
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    i, j, f, o = np.split(np.concatenate([inputs, h], axis=1) @ kernel + bias, 4, axis=1)
    c = sigmoid(f + forget_bias) * c + sigmoid(i) * np.tanh(j)
    return sigmoid(o) * np.tanh(c), c


# %% wrong: forgets the bias
def basic_lstm_step(inputs, c, h, kernel, bias, forget_bias=1.0):
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    i, j, f, o = np.split(np.concatenate([inputs, h], axis=1) @ kernel, 4, axis=1)
    c = sigmoid(f + forget_bias) * c + sigmoid(i) * np.tanh(j)
    return c, sigmoid(o) * np.tanh(c)


# %% wrong: cuts every fourth column instead of blocks
def basic_lstm_step(inputs, c, h, kernel, bias, forget_bias=1.0):
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    z = np.concatenate([inputs, h], axis=1) @ kernel + bias
    i, j, f, o = z[:, 0::4], z[:, 1::4], z[:, 2::4], z[:, 3::4]
    c = sigmoid(f + forget_bias) * c + sigmoid(i) * np.tanh(j)
    return c, sigmoid(o) * np.tanh(c)


# %% right: two products, slices, the sigmoid by tanh
def basic_lstm_step(inputs, c, h, kernel, bias, forget_bias=1.0):
    n_input, n = inputs.shape[1], h.shape[1]
    z = inputs @ kernel[:n_input] + h @ kernel[n_input:] + bias
    sigmoid = lambda x: (1 + np.tanh(x / 2)) / 2
    new_c = c * sigmoid(z[:, 2 * n : 3 * n] + forget_bias)
    new_c += sigmoid(z[:, :n]) * np.tanh(z[:, n : 2 * n])
    return [new_c, np.tanh(new_c) * sigmoid(z[:, 3 * n :])]


# %% right: in float32, the forget bias added to a copy of the bias
def basic_lstm_step(inputs, c, h, kernel, bias, forget_bias=1.0):
    n = len(bias) // 4
    bias = np.array(bias, dtype="float32")
    bias[2 * n : 3 * n] += forget_bias
    z = np.hstack([inputs, h]).astype("float32") @ kernel.astype("float32") + bias
    gates = 1 / (1 + np.exp(-z))
    c = gates[:, 2 * n : 3 * n] * c + gates[:, :n] * np.tanh(z[:, n : 2 * n])
    return c, gates[:, 3 * n :] * np.tanh(c)
