# %% wrong: half the kernel on every side, also for even kernels
def pad_same(image, kernel, stride=1):
    half = kernel // 2
    return np.pad(image, [(half, half), (half, half), (0, 0)])


# %% wrong: puts the extra zero before the image
def pad_same(image, kernel, stride=1):
    pads = []
    for size in image.shape[:2]:
        missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        pads.append((missing - missing // 2, missing // 2))
    return np.pad(image, [*pads, (0, 0)])


# %% wrong: pads kernel - 1 zeros whatever the stride
def pad_same(image, kernel, stride=1):
    before = (kernel - 1) // 2
    after = kernel - 1 - before
    return np.pad(image, [(before, after), (before, after), (0, 0)])


# %% wrong: off by one, no + 1 for the first position
def pad_same(image, kernel, stride=1):
    pads = []
    for size in image.shape[:2]:
        missing = max(-(-size // stride) * stride + kernel - size, 0)
        pads.append((missing // 2, missing - missing // 2))
    return np.pad(image, [*pads, (0, 0)])


# %% wrong: computes the zeros of the height and uses them for the width too
def pad_same(image, kernel, stride=1):
    size = image.shape[0]
    missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    pad = (missing // 2, missing - missing // 2)
    return np.pad(image, [pad, pad, (0, 0)])


# %% right: by the remainder, as TensorFlow's documentation has it, into an array of zeros
def pad_same(image, kernel, stride=1):
    def missing(size):
        rest = size % stride
        return max(kernel - (rest if rest else stride), 0)

    height, width, channels = image.shape
    rows, columns = missing(height), missing(width)
    padded = np.zeros((height + rows, width + columns, channels))
    top, left = rows // 2, columns // 2
    padded[top : top + height, left : left + width] = image
    return padded


# %% right: adds the zeros one by one, first after the image, then before it
def pad_same(image, kernel, stride=1):
    for axis in (0, 1):
        size = image.shape[axis]
        needed = range(0, size, stride)[-1] + kernel
        after = True
        while image.shape[axis] < needed:
            zeros = np.zeros_like(np.take(image, [0], axis=axis))
            pair = (image, zeros) if after else (zeros, image)
            image = np.concatenate(pair, axis=axis)
            after = not after
    return image
