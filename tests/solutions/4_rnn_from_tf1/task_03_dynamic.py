# %% wrong: the state runs on after the end of the sequence
def dynamic_rnn(X, lengths, kernel, bias):
    state = np.zeros((X.shape[0], kernel.shape[1]))
    outputs = []
    for t in range(X.shape[1]):
        state = np.tanh(np.concatenate([X[:, t], state], axis=1) @ kernel + bias)
        outputs.append(np.where((t < lengths)[:, None], state, 0))
    return np.stack(outputs, axis=1), state


# %% wrong: takes the last output for the state
def dynamic_rnn(X, lengths, kernel, bias):
    state = np.zeros((X.shape[0], kernel.shape[1]))
    outputs = np.zeros((X.shape[0], X.shape[1], kernel.shape[1]))
    for t in range(X.shape[1]):
        real = (t < lengths)[:, None]
        new = np.tanh(np.concatenate([X[:, t], state], axis=1) @ kernel + bias)
        state = np.where(real, new, state)
        outputs[:, t] = np.where(real, new, 0)
    return outputs, outputs[:, -1]


# %% wrong: the outputs repeat the last state instead of zero
def dynamic_rnn(X, lengths, kernel, bias):
    state = np.zeros((X.shape[0], kernel.shape[1]))
    outputs = []
    for t in range(X.shape[1]):
        new = np.tanh(np.concatenate([X[:, t], state], axis=1) @ kernel + bias)
        state = np.where((t < lengths)[:, None], new, state)
        outputs.append(state)
    return np.stack(outputs, axis=1), state


# %% wrong: stops the whole batch at the longest sequence
def dynamic_rnn(X, lengths, kernel, bias):
    state = np.zeros((X.shape[0], kernel.shape[1]))
    outputs = np.zeros((X.shape[0], X.shape[1], kernel.shape[1]))
    for t in range(max(lengths)):
        state = np.tanh(np.concatenate([X[:, t], state], axis=1) @ kernel + bias)
        outputs[:, t] = state
    return outputs, state


# %% wrong: the state before the input in the long row
def dynamic_rnn(X, lengths, kernel, bias):
    state = np.zeros((X.shape[0], kernel.shape[1]))
    outputs = []
    for t in range(X.shape[1]):
        real = (t < lengths)[:, None]
        new = np.tanh(np.concatenate([state, X[:, t]], axis=1) @ kernel + bias)
        outputs.append(np.where(real, new, 0))
        state = np.where(real, new, state)
    return np.stack(outputs, axis=1), state


# %% wrong: the outputs have time as their first axis
def dynamic_rnn(X, lengths, kernel, bias):
    state = np.zeros((X.shape[0], kernel.shape[1]))
    outputs = []
    for t in range(X.shape[1]):
        real = (t < lengths)[:, None]
        new = np.tanh(np.concatenate([X[:, t], state], axis=1) @ kernel + bias)
        outputs.append(np.where(real, new, 0))
        state = np.where(real, new, state)
    return np.stack(outputs), state


# %% right: each sequence by itself
def dynamic_rnn(X, lengths, kernel, bias):
    n_input = X.shape[2]
    outputs = np.zeros((len(X), X.shape[1], len(bias)))
    states = np.zeros((len(X), len(bias)))
    for k, length in enumerate(lengths):
        h = np.zeros(len(bias))
        for t in range(length):
            h = np.tanh(X[k, t] @ kernel[:n_input] + h @ kernel[n_input:] + bias)
            outputs[k, t] = h
        states[k] = h
    return outputs, states


# %% right: in TensorFlow, the lengths as a mask of ones and zeros
def dynamic_rnn(X, lengths, kernel, bias):
    mask = tf.sequence_mask(lengths, X.shape[1], dtype=tf.float32)
    h = tf.zeros([X.shape[0], kernel.shape[1]])
    outputs = []
    for t in range(X.shape[1]):
        m = mask[:, t, tf.newaxis]
        new = tf.tanh(tf.matmul(tf.concat([X[:, t], h], 1), kernel) + bias)
        outputs.append(m * new)
        h = m * new + (1 - m) * h
    return tf.stack(outputs, axis=1), h


# %% right: with Keras and a mask
def dynamic_rnn(X, lengths, kernel, bias):
    n_hidden = kernel.shape[1]
    layer = keras.layers.SimpleRNN(n_hidden, return_sequences=True, return_state=True)
    layer.build(X.shape)
    layer.set_weights([kernel[:-n_hidden], kernel[-n_hidden:], bias])
    mask = np.arange(X.shape[1]) < np.asarray(lengths)[:, None]
    outputs, state = layer(X, mask=mask)
    return np.asarray(outputs) * mask[..., None], state
