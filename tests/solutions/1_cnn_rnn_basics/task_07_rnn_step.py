# %% wrong: forgets the bias
def rnn_step(inputs, state, kernel, recurrent_kernel, bias):
    return np.tanh(inputs @ kernel + state @ recurrent_kernel)


# %% wrong: multiplies the state with the recurrent kernel number by number
def rnn_step(inputs, state, kernel, recurrent_kernel, bias):
    return np.tanh(inputs @ kernel + state * recurrent_kernel + bias)


# %% wrong: the recurrent kernel is transposed
def rnn_step(inputs, state, kernel, recurrent_kernel, bias):
    return np.tanh(inputs @ kernel + state @ recurrent_kernel.T + bias)


# %% wrong: adds the bias after the tanh
def rnn_step(inputs, state, kernel, recurrent_kernel, bias):
    return np.tanh(inputs @ kernel + state @ recurrent_kernel) + bias


# %% wrong: the sigmoid instead of the tanh
def rnn_step(inputs, state, kernel, recurrent_kernel, bias):
    return 1 / (1 + np.exp(-(inputs @ kernel + state @ recurrent_kernel + bias)))


# %% right: one matrix product for inputs and state together
def rnn_step(inputs, state, kernel, recurrent_kernel, bias):
    both = np.concatenate([inputs, state], axis=1)
    return np.tanh(both @ np.concatenate([kernel, recurrent_kernel], axis=0) + bias)


# %% right: one sequence after the other, np.dot, the tanh by hand, a list of arrays returned
def rnn_step(inputs, state, kernel, recurrent_kernel, bias):
    new_states = []
    for x, h in zip(inputs, state):
        z = np.dot(x, kernel) + np.dot(h, recurrent_kernel) + bias
        new_states.append((np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)))
    return new_states
