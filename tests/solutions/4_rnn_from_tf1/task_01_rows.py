# %% wrong: reshapes to the new shape at once, which mixes the pictures
def rows_as_time(flat, n_step, n_input):
    return flat.reshape(n_step, -1, n_input)


# %% wrong: the batch stays the first axis
def rows_as_time(flat, n_step, n_input):
    return np.reshape(flat, (-1, n_step, n_input))


# %% wrong: columns as time
def rows_as_time(flat, n_step, n_input):
    return flat.reshape(-1, n_step, n_input).transpose(2, 0, 1)


# %% wrong: rows and columns swapped in the shape
def rows_as_time(flat, n_step, n_input):
    return flat.reshape(-1, n_input, n_step).transpose(1, 0, 2)


# %% wrong: takes every picture for a square one
def rows_as_time(flat, n_step, n_input):
    return tf.transpose(tf.reshape(flat, [-1, n_step, n_step]), [1, 0, 2])


# %% right: in TensorFlow
def rows_as_time(flat, n_step, n_input):
    return tf.transpose(tf.reshape(flat, [-1, n_step, n_input]), perm=[1, 0, 2])


# %% right: row by row, a list of arrays
def rows_as_time(flat, n_step, n_input):
    rows = []
    for k in range(n_step):
        rows.append(flat[:, k * n_input : (k + 1) * n_input])
    return rows
