# %% wrong: a cross-correlation, the kernel as it is
def true_convolution(image, kernel):
    image = tf.reshape(image, [1, *image.shape, 1])
    kernel = tf.reshape(kernel, [*kernel.shape, 1, 1])
    return tf.nn.conv2d(image, kernel, strides=1, padding="VALID")[0, :, :, 0]


# %% wrong: turns the image round instead of the kernel, so the result stands on its head
def true_convolution(image, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(image[::-1, ::-1], kernel.shape)
    return np.einsum("ijab,ab->ij", windows, kernel)


# %% wrong: turns the rows round and forgets the columns
def true_convolution(image, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("ijab,ab->ij", windows, kernel[::-1])


# %% wrong: takes every image and every kernel for square
def true_convolution(image, kernel):
    k, size = len(kernel), len(image) - len(kernel) + 1
    turned = np.rot90(kernel, 2)
    output = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            output[i, j] = np.sum(image[i : i + k, j : j + k] * turned)
    return output


# %% wrong: padding same
def true_convolution(image, kernel):
    image = tf.constant(image)[tf.newaxis, :, :, tf.newaxis]
    kernel = tf.constant(kernel)[::-1, ::-1, tf.newaxis, tf.newaxis]
    return tf.nn.conv2d(image, kernel, strides=1, padding="SAME")[0, ..., 0]


# %% right: TensorFlow's layer with the kernel turned round
def true_convolution(image, kernel):
    image = tf.constant(image)[tf.newaxis, :, :, tf.newaxis]
    kernel = tf.reverse(kernel, axis=[0, 1])[:, :, tf.newaxis, tf.newaxis]
    return tf.squeeze(tf.nn.conv2d(image, kernel, strides=1, padding="VALID"), axis=[0, 3])


# %% right: loops, in lists of lists
def true_convolution(image, kernel):
    height, width = image.shape
    k, l = kernel.shape
    return [
        [
            sum(
                image[i + a, j + b] * kernel[k - 1 - a, l - 1 - b]
                for a in range(k)
                for b in range(l)
            )
            for j in range(width - l + 1)
        ]
        for i in range(height - k + 1)
    ]
