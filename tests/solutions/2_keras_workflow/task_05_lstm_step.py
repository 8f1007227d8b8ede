# %% wrong: the parts in the order i, f, o, c of other libraries
def lstm_step(inputs, state, carry, kernel, recurrent_kernel, bias):
    sigmoid = lambda z: 1 / (1 + np.exp(-z))
    i, f, o, g = np.split(inputs @ kernel + state @ recurrent_kernel + bias, 4, axis=-1)
    carry = sigmoid(f) * carry + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(carry), carry


# %% wrong: forgets the bias, which is zero in the visible tests
def lstm_step(inputs, state, carry, kernel, recurrent_kernel, bias):
    sigmoid = lambda z: 1 / (1 + np.exp(-z))
    i, f, g, o = np.split(inputs @ kernel + state @ recurrent_kernel, 4, axis=-1)
    carry = sigmoid(f) * carry + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(carry), carry


# %% wrong: every fourth column instead of blocks of columns
def lstm_step(inputs, state, carry, kernel, recurrent_kernel, bias):
    sigmoid = lambda z: 1 / (1 + np.exp(-z))
    z = inputs @ kernel + state @ recurrent_kernel + bias
    i, f, g, o = z[:, 0::4], z[:, 1::4], z[:, 2::4], z[:, 3::4]
    carry = sigmoid(f) * carry + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(carry), carry


# %% wrong: returns the carry first
def lstm_step(inputs, state, carry, kernel, recurrent_kernel, bias):
    sigmoid = lambda z: 1 / (1 + np.exp(-z))
    i, f, g, o = np.split(inputs @ kernel + state @ recurrent_kernel + bias, 4, axis=-1)
    carry = sigmoid(f) * carry + sigmoid(i) * np.tanh(g)
    return carry, sigmoid(o) * np.tanh(carry)


# %% wrong: the state is made from the old carry
def lstm_step(inputs, state, carry, kernel, recurrent_kernel, bias):
    sigmoid = lambda z: 1 / (1 + np.exp(-z))
    i, f, g, o = np.split(inputs @ kernel + state @ recurrent_kernel + bias, 4, axis=-1)
    return sigmoid(o) * np.tanh(carry), sigmoid(f) * carry + sigmoid(i) * np.tanh(g)


# %% right: one sequence and one unit at a time
def lstm_step(inputs, state, carry, kernel, recurrent_kernel, bias):
    batch, units = state.shape
    new_state, new_carry = np.empty_like(state), np.empty_like(carry)
    for n in range(batch):
        z = kernel.T @ inputs[n] + recurrent_kernel.T @ state[n] + bias
        for u in range(units):
            i, f, o = (1 / (1 + np.exp(-z[u + k * units])) for k in (0, 1, 3))
            new_carry[n, u] = f * carry[n, u] + i * np.tanh(z[u + 2 * units])
            new_state[n, u] = o * np.tanh(new_carry[n, u])
    return [new_state, new_carry]


# %% right: slices, and sigmoid by tanh
def lstm_step(inputs, state, carry, kernel, recurrent_kernel, bias):
    u = len(bias) // 4
    z = np.concatenate([inputs, state], axis=1) @ np.concatenate([kernel, recurrent_kernel]) + bias
    gate = (np.tanh(z / 2) + 1) / 2
    carry = gate[:, u : 2 * u] * carry + gate[:, :u] * np.tanh(z[:, 2 * u : 3 * u])
    return np.stack([gate[:, 3 * u :] * np.tanh(carry), carry])
