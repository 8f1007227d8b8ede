# %% wrong: the largest value so far starts at -999, so smaller pixels are lost
def max_pool(image, size, stride):
    height, width, channels = image.shape
    rows, columns = (height - size) // stride + 1, (width - size) // stride + 1
    pooled = np.full((rows, columns, channels), -999.0)
    for i in range(rows):
        for j in range(columns):
            for a in range(size):
                for b in range(size):
                    pooled[i, j] = np.maximum(pooled[i, j], image[i * stride + a, j * stride + b])
    return pooled


# %% wrong: takes the maximum over the channels too
def max_pool(image, size, stride):
    height, width, channels = image.shape
    rows, columns = (height - size) // stride + 1, (width - size) // stride + 1
    pooled = np.zeros((rows, columns, channels))
    for i in range(rows):
        for j in range(columns):
            window = image[i * stride : i * stride + size, j * stride : j * stride + size]
            pooled[i, j] = window.max()
    return pooled


# %% wrong: the average instead of the maximum
def max_pool(image, size, stride):
    height, width, channels = image.shape
    rows, columns = (height - size) // stride + 1, (width - size) // stride + 1
    pooled = np.zeros((rows, columns, channels))
    for i in range(rows):
        for j in range(columns):
            window = image[i * stride : i * stride + size, j * stride : j * stride + size]
            pooled[i, j] = window.mean(axis=(0, 1))
    return pooled


# %% wrong: keeps the windows that the border cuts off
def max_pool(image, size, stride):
    height, width, channels = image.shape
    rows, columns = -(-height // stride), -(-width // stride)
    pooled = np.zeros((rows, columns, channels))
    for i in range(rows):
        for j in range(columns):
            window = image[i * stride : i * stride + size, j * stride : j * stride + size]
            pooled[i, j] = window.max(axis=(0, 1))
    return pooled


# %% wrong: ignores the stride and moves by the size of the window
def max_pool(image, size, stride):
    height, width, channels = image.shape
    rows, columns = height // size, width // size
    image = image[: rows * size, : columns * size]
    return image.reshape(rows, size, columns, size, channels).max(axis=(1, 3))


# %% right: sliding windows, then every stride-th of them
def max_pool(image, size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(image, (size, size), axis=(0, 1))
    return windows.max(axis=(3, 4))[::stride, ::stride]


# %% right: shifted copies of the image, the largest kept, with messages and warnings on stderr
import sys
import warnings


def max_pool(image, size, stride):
    print("pooling", image.shape, file=sys.stderr)
    warnings.warn("slow, but it works")
    height, width, _ = image.shape
    bottom, right = height - size + 1, width - size + 1
    shifted = [
        image[a : a + bottom : stride, b : b + right : stride]
        for a in range(size)
        for b in range(size)
    ]
    return np.maximum.reduce(shifted)
