# %% wrong: counts from 0
def first_difference(losses_a, losses_b, tolerance=1e-5):
    for step, (a, b) in enumerate(zip(losses_a, losses_b)):
        if not abs(a - b) <= tolerance:
            return step
    if len(losses_a) != len(losses_b):
        return min(len(losses_a), len(losses_b))


# %% wrong: nan passes
def first_difference(losses_a, losses_b, tolerance=1e-5):
    for step, (a, b) in enumerate(zip(losses_a, losses_b), start=1):
        if abs(a - b) > tolerance:
            return step
    if len(losses_a) != len(losses_b):
        return min(len(losses_a), len(losses_b)) + 1


# %% wrong: a run that ends early is not noticed
def first_difference(losses_a, losses_b, tolerance=1e-5):
    for step, (a, b) in enumerate(zip(losses_a, losses_b), start=1):
        if not abs(a - b) <= tolerance:
            return step
    return None


# %% wrong: only a loss that is larger in the first run
def first_difference(losses_a, losses_b, tolerance=1e-5):
    for step, (a, b) in enumerate(zip(losses_a, losses_b), start=1):
        if not a - b <= tolerance:
            return step
    if len(losses_a) != len(losses_b):
        return min(len(losses_a), len(losses_b)) + 1


# %% wrong: the step of the largest difference
def first_difference(losses_a, losses_b, tolerance=1e-5):
    n = min(len(losses_a), len(losses_b))
    distances = np.abs(np.array(losses_a[:n]) - np.array(losses_b[:n]))
    if n and not distances.max() <= tolerance:
        return int(distances.argmax()) + 1
    return None if len(losses_a) == len(losses_b) else n + 1


# %% wrong: runs of different length differ at once, where the shorter one ends
def first_difference(losses_a, losses_b, tolerance=1e-5):
    if len(losses_a) != len(losses_b):
        return min(len(losses_a), len(losses_b)) + 1
    for step in range(len(losses_a)):
        if not abs(losses_a[step] - losses_b[step]) <= tolerance:
            return step + 1


# %% wrong: two losses that are not a number are equal
def first_difference(losses_a, losses_b, tolerance=1e-5):
    n = min(len(losses_a), len(losses_b))
    same = np.isclose(losses_a[:n], losses_b[:n], rtol=0, atol=tolerance, equal_nan=True)
    if not same.all():
        return int(np.argmin(same)) + 1
    return None if len(losses_a) == len(losses_b) else n + 1


# %% right: missing losses are filled with nan, in NumPy
def first_difference(losses_a, losses_b, tolerance=1e-5):
    n = max(len(losses_a), len(losses_b))
    a, b = np.full(n, np.nan), np.full(n, np.nan)
    a[: len(losses_a)], b[: len(losses_b)] = losses_a, losses_b
    with np.errstate(invalid="ignore"):
        different = ~(np.abs(a - b) <= tolerance)
    return np.flatnonzero(different)[0] + 1 if different.any() else None


# %% right: one case after the other
def first_difference(losses_a, losses_b, tolerance=1e-5):
    import math

    step = 0
    while True:
        if step == len(losses_a) and step == len(losses_b):
            return None
        if step == len(losses_a) or step == len(losses_b):
            return step + 1
        a, b = float(losses_a[step]), float(losses_b[step])
        if not math.isfinite(a) or not math.isfinite(b) or abs(a - b) > tolerance:
            return step + 1
        step += 1
