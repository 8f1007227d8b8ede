# %% wrong: cuts in the middle
def split_kernel(kernel):
    middle = len(kernel) // 2
    return kernel[:middle], kernel[middle:]


# %% wrong: takes the first rows for the state
def split_kernel(kernel):
    n_hidden = kernel.shape[1]
    return kernel[n_hidden:], kernel[:n_hidden]


# %% wrong: the recurrent kernel is transposed
def split_kernel(kernel):
    n_input = kernel.shape[0] - kernel.shape[1]
    return kernel[:n_input], kernel[n_input:].T


# %% wrong: cuts the columns
def split_kernel(kernel):
    return np.split(kernel, 2, axis=1)


# %% wrong: as many rows for the input as there are hidden units
def split_kernel(kernel):
    n_hidden = kernel.shape[1]
    return kernel[:n_hidden], kernel[n_hidden:]


# %% right: in TensorFlow, from the number of inputs
def split_kernel(kernel):
    n_hidden = kernel.shape[1]
    return tf.split(kernel, [kernel.shape[0] - n_hidden, n_hidden], axis=0)


# %% right: np.split at a row, as lists
def split_kernel(kernel):
    rows, columns = np.shape(kernel)
    first, second = np.split(kernel, [rows - columns])
    return first.tolist(), second.tolist()
