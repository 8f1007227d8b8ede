# %% wrong: the state runs on from one sequence of the batch into the next
def simple_rnn(inputs, kernel, recurrent_kernel, bias, return_sequences=False):
    batch, steps, _ = inputs.shape
    states = np.zeros((batch, steps, len(bias)))
    state = np.zeros(len(bias))
    for n in range(batch):
        for t in range(steps):
            state = np.tanh(inputs[n, t] @ kernel + state @ recurrent_kernel + bias)
            states[n, t] = state
    return states if return_sequences else states[:, -1]


# %% wrong: stacks the states along the first axis, so steps come before the batch
def simple_rnn(inputs, kernel, recurrent_kernel, bias, return_sequences=False):
    state = np.zeros((inputs.shape[0], len(bias)))
    states = []
    for t in range(inputs.shape[1]):
        state = np.tanh(inputs[:, t] @ kernel + state @ recurrent_kernel + bias)
        states.append(state)
    return np.array(states) if return_sequences else state


# %% wrong: the two modes are mixed up
def simple_rnn(inputs, kernel, recurrent_kernel, bias, return_sequences=False):
    state = np.zeros((inputs.shape[0], len(bias)))
    states = []
    for t in range(inputs.shape[1]):
        state = np.tanh(inputs[:, t] @ kernel + state @ recurrent_kernel + bias)
        states.append(state)
    return state if return_sequences else np.stack(states, axis=1)


# %% wrong: forgets the bias, which is zero in the visible tests
def simple_rnn(inputs, kernel, recurrent_kernel, bias, return_sequences=False):
    state = np.zeros((inputs.shape[0], kernel.shape[1]))
    states = []
    for t in range(inputs.shape[1]):
        state = np.tanh(inputs[:, t] @ kernel + state @ recurrent_kernel)
        states.append(state)
    return np.stack(states, axis=1) if return_sequences else state


# %% wrong: forgets the old state, so every step stands alone
def simple_rnn(inputs, kernel, recurrent_kernel, bias, return_sequences=False):
    states = np.tanh(inputs @ kernel + bias)
    return states if return_sequences else states[:, -1]


# %% right: the input part for all steps at once, states written into an array
def simple_rnn(inputs, kernel, recurrent_kernel, bias, return_sequences=False):
    sums = inputs @ kernel + bias
    states = np.empty_like(sums)
    previous = np.zeros_like(sums[:, 0])
    for t in range(sums.shape[1]):
        previous = states[:, t] = np.tanh(sums[:, t] + previous @ recurrent_kernel)
    if return_sequences:
        return states
    return states[:, -1, :]


# %% right: one sequence after the other, each with its own state
def simple_rnn(inputs, kernel, recurrent_kernel, bias, return_sequences=False):
    outputs = []
    for sequence in inputs:
        h = np.zeros(recurrent_kernel.shape[0])
        history = []
        for x in sequence:
            h = np.tanh(kernel.T @ x + recurrent_kernel.T @ h + bias)
            history.append(h)
        outputs.append(history if return_sequences else h)
    return np.array(outputs)
