# %% wrong: the list that reading the code gives, whatever the point
def faulty_operations(points):
    wrong = ["relu6", "tanh", "row_mean", "running_sum", "row_length"]
    return [name for name in points if name in wrong]


# %% wrong: an absolute limit
def faulty_operations(points):
    faulty = []
    for name, (x, upstream) in points.items():
        forward, gradient = OPERATIONS[name]
        measured = np.zeros_like(x)
        for index in np.ndindex(x.shape):
            step = np.zeros_like(x)
            step[index] = 1e-5
            measured[index] = np.sum(upstream * (forward(x + step) - forward(x - step))) / 2e-5
        if not np.max(np.abs(gradient(x, upstream) - measured)) <= 0.001:
            faulty.append(name)
    return faulty


# %% wrong: a nan is not larger than the limit, so it passes
def faulty_operations(points):
    faulty = []
    for name, (x, upstream) in points.items():
        forward, gradient = OPERATIONS[name]
        measured = np.zeros_like(x)
        for index in np.ndindex(x.shape):
            step = np.zeros_like(x)
            step[index] = 1e-5
            measured[index] = np.sum(upstream * (forward(x + step) - forward(x - step))) / 2e-5
        difference = np.linalg.norm(gradient(x, upstream) - measured)
        if difference > 0.01 * np.linalg.norm(measured):
            faulty.append(name)
    return faulty


# %% wrong: ones in place of upstream
def faulty_operations(points):
    faulty = []
    for name, (x, upstream) in points.items():
        forward, gradient = OPERATIONS[name]
        ones = np.ones_like(upstream)
        measured = np.zeros_like(x)
        for index in np.ndindex(x.shape):
            step = np.zeros_like(x)
            step[index] = 1e-5
            measured[index] = np.sum(forward(x + step) - forward(x - step)) / 2e-5
        difference = np.linalg.norm(gradient(x, ones) - measured)
        if not difference <= 0.01 * np.linalg.norm(measured) + 1e-6:
            faulty.append(name)
    return faulty


# %% wrong: moves the whole row, so only the sum of each row is compared
def faulty_operations(points):
    h, faulty = 1e-5, []
    for name, (x, upstream) in points.items():
        forward, gradient = OPERATIONS[name]
        measured = np.zeros(len(x))
        for row in range(len(x)):
            up, down = x.copy(), x.copy()
            up[row] += h
            down[row] -= h
            measured[row] = np.sum(upstream * (forward(up) - forward(down))) / (2 * h)
        given = gradient(x, upstream).sum(axis=1)
        if not np.linalg.norm(given - measured) <= 0.01 * np.linalg.norm(measured) + 1e-6:
            faulty.append(name)
    return faulty


# %% wrong: rules from reading the code, with the inputs looked at and nothing measured
def faulty_operations(points):
    faulty = []
    for name, (x, upstream) in points.items():
        if (
            name == "tanh"
            or (name == "row_mean" and x.shape[0] != x.shape[1])
            or (name == "running_sum" and np.ptp(upstream) > 0)
            or (name == "relu6" and (x > 6).any())
            or (name == "row_length" and (x == 0).all(axis=1).any())
        ):
            faulty.append(name)
    return faulty


# %% right: changes a copy and looks at the relative error and at nan by themselves
def faulty_operations(points):
    def measure(forward, x, upstream, h=1e-5):
        x = x.copy()
        result = np.empty_like(x)
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                old = x[i, j]
                x[i, j] = old + h
                above = (upstream * forward(x)).sum()
                x[i, j] = old - h
                below = (upstream * forward(x)).sum()
                x[i, j] = old
                result[i, j] = (above - below) / (2 * h)
        return result

    faulty = set()
    for name in points:
        x, upstream = points[name]
        given = OPERATIONS[name][1](x, upstream)
        measured = measure(OPERATIONS[name][0], x, upstream)
        if np.isnan(given).any():
            faulty.add(name)
        elif np.sqrt(np.sum((given - measured) ** 2)) > 0.01 * np.sqrt(np.sum(measured**2)):
            faulty.add(name)
    return faulty


# %% right: compares with the largest number, all steps at once
def faulty_operations(points):
    names = []
    for name, (x, upstream) in points.items():
        forward, gradient = OPERATIONS[name]
        total = lambda values: float(np.sum(upstream * forward(values.reshape(x.shape))))
        steps = 1e-5 * np.eye(x.size)
        measured = [(total(x.ravel() + s) - total(x.ravel() - s)) / 2e-5 for s in steps]
        error = np.abs(gradient(x, upstream).ravel() - measured).max()
        if np.isnan(error) or error > 0.01 * np.abs(measured).max():
            names.append(name)
    return tuple(names)
