# %% wrong: a forward difference
def numerical_gradient(point, h):
    point = point.astype(float)
    gradient = np.zeros_like(point)
    for index in np.ndindex(point.shape):
        moved = point.copy()
        moved[index] += h
        gradient[index] = (bumpy(moved) - bumpy(point)) / h
    return gradient


# %% wrong: divides by h instead of 2 h
def numerical_gradient(point, h):
    point = point.astype(float)
    gradient = np.zeros_like(point)
    for index in np.ndindex(point.shape):
        step = np.zeros_like(point)
        step[index] = h
        gradient[index] = (bumpy(point + step) - bumpy(point - step)) / h
    return gradient


# %% wrong: forgets to move back, so every number that was visited stays changed
def numerical_gradient(point, h):
    point = point.astype(float)
    gradient = np.zeros_like(point)
    for index in np.ndindex(point.shape):
        point[index] += h
        up = bumpy(point)
        point[index] -= 2 * h
        down = bumpy(point)
        gradient[index] = (up - down) / (2 * h)
    return gradient


# %% wrong: in an array of whole numbers the step is rounded away
def numerical_gradient(point, h):
    gradient = np.zeros(point.shape)
    for index in np.ndindex(point.shape):
        up, down = point.copy(), point.copy()
        up[index] += h if point.dtype.kind == "f" else int(h)
        down[index] -= h if point.dtype.kind == "f" else int(h)
        gradient[index] = (bumpy(up) - bumpy(down)) / (2 * h)
    return gradient


# %% wrong: works for points of one axis only
def numerical_gradient(point, h):
    point = np.array(point, dtype=float)
    gradient = np.zeros(len(point))
    for k in range(len(point)):
        up, down = point.copy(), point.copy()
        up[k] += h
        down[k] -= h
        gradient[k] = (bumpy(up) - bumpy(down)) / (2 * h)
    return gradient


# %% right: moves and moves back, in a flat copy
def numerical_gradient(point, h):
    flat = np.array(point, dtype=np.float64).reshape(-1)
    slopes = []
    for k, old in enumerate(flat):
        flat[k] = old + h
        up = bumpy(flat)
        flat[k] = old - h
        down = bumpy(flat)
        flat[k] = old
        slopes.append((up - down) / (2 * h))
    return np.array(slopes).reshape(point.shape)


# %% right: rows of the unit matrix, no loop over indices
def numerical_gradient(point, h):
    units = h * np.eye(point.size).reshape(-1, *point.shape)
    slopes = [0.5 * (bumpy(point + unit) - bumpy(point - unit)) / h for unit in units]
    return tf.reshape(tf.constant(slopes, dtype=tf.float64), point.shape)
