# %% wrong: turns the kernel round, as the convolution of mathematics does
def conv2d(image, kernels, bias, stride=1):
    kernels = kernels[::-1, ::-1]
    height, width, _ = image.shape
    kernel_height, kernel_width, _, filters = kernels.shape
    rows, columns = (height - kernel_height) // stride + 1, (width - kernel_width) // stride + 1
    output = np.zeros((rows, columns, filters))
    for i in range(rows):
        for j in range(columns):
            window = image[i * stride :, j * stride :][:kernel_height, :kernel_width]
            output[i, j] = np.tensordot(window, kernels, axes=3) + bias
    return output


# %% wrong: forgets the bias
def conv2d(image, kernels, bias, stride=1):
    height, width, _ = image.shape
    kernel_height, kernel_width, _, filters = kernels.shape
    rows, columns = (height - kernel_height) // stride + 1, (width - kernel_width) // stride + 1
    output = np.zeros((rows, columns, filters))
    for i in range(rows):
        for j in range(columns):
            window = image[i * stride :, j * stride :][:kernel_height, :kernel_width]
            output[i, j] = np.tensordot(window, kernels, axes=3)
    return output


# %% wrong: off by one, the last row and the last column of windows are missing
def conv2d(image, kernels, bias, stride=1):
    height, width, _ = image.shape
    kernel_height, kernel_width, _, filters = kernels.shape
    rows, columns = (height - kernel_height) // stride, (width - kernel_width) // stride
    output = np.zeros((rows, columns, filters))
    for i in range(rows):
        for j in range(columns):
            window = image[i * stride :, j * stride :][:kernel_height, :kernel_width]
            output[i, j] = np.tensordot(window, kernels, axes=3) + bias
    return output


# %% wrong: the stride changes the size of the output, but the window moves by one pixel
def conv2d(image, kernels, bias, stride=1):
    height, width, _ = image.shape
    kernel_height, kernel_width, _, filters = kernels.shape
    rows, columns = (height - kernel_height) // stride + 1, (width - kernel_width) // stride + 1
    output = np.zeros((rows, columns, filters))
    for i in range(rows):
        for j in range(columns):
            window = image[i : i + kernel_height, j : j + kernel_width]
            output[i, j] = np.tensordot(window, kernels, axes=3) + bias
    return output


# %% wrong: takes every kernel for square
def conv2d(image, kernels, bias, stride=1):
    height, width, _ = image.shape
    k, _, _, filters = kernels.shape
    output = np.zeros(((height - k) // stride + 1, (width - k) // stride + 1, filters))
    for i in range(output.shape[0]):
        for j in range(output.shape[1]):
            window = image[i * stride : i * stride + k, j * stride : j * stride + k]
            for f in range(filters):
                for a in range(k):
                    for b in range(k):
                        if b < kernels.shape[1]:
                            output[i, j, f] += window[a, b] @ kernels[a, b, :, f]
                output[i, j, f] += bias[f]
    return output


# %% right: sliding windows and one einsum
def conv2d(image, kernels, bias, stride=1):
    size = kernels.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(image, size, axis=(0, 1))
    return np.einsum("ijcab,abcf->ijf", windows[::stride, ::stride], kernels) + bias


# %% right: a loop over the kernel instead of the image
def conv2d(image, kernels, bias, stride=1):
    height, width, _ = image.shape
    kernel_height, kernel_width, _, _ = kernels.shape
    output = bias
    for a in range(kernel_height):
        for b in range(kernel_width):
            bottom, right = height - kernel_height + a + 1, width - kernel_width + b + 1
            output = output + image[a:bottom:stride, b:right:stride] @ kernels[a, b]
    return output
