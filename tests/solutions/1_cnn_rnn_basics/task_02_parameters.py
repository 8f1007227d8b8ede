# %% wrong: forgets the biases of the convolution and of the dense layer
def conv2d_parameters(kernel_height, kernel_width, channels, filters):
    return kernel_height * kernel_width * channels * filters


def dense_parameters(inputs, units):
    return inputs * units


def embedding_parameters(vocabulary, dimensions):
    return vocabulary * dimensions


def simple_rnn_parameters(inputs, units):
    return (inputs + units + 1) * units


# %% wrong: forgets the recurrent kernel
def conv2d_parameters(kernel_height, kernel_width, channels, filters):
    return (kernel_height * kernel_width * channels + 1) * filters


def dense_parameters(inputs, units):
    return (inputs + 1) * units


def embedding_parameters(vocabulary, dimensions):
    return vocabulary * dimensions


def simple_rnn_parameters(inputs, units):
    return inputs * units + units


# %% wrong: takes the features for as many as the units in the recurrent layer
def conv2d_parameters(kernel_height, kernel_width, channels, filters):
    return (kernel_height * kernel_width * channels + 1) * filters


def dense_parameters(inputs, units):
    return (inputs + 1) * units


def embedding_parameters(vocabulary, dimensions):
    return vocabulary * dimensions


def simple_rnn_parameters(inputs, units):
    return (units + units) * units + units


# %% wrong: only square kernels
def conv2d_parameters(kernel_height, kernel_width, channels, filters):
    return (kernel_height**2 * channels + 1) * filters


def dense_parameters(inputs, units):
    return (inputs + 1) * units


def embedding_parameters(vocabulary, dimensions):
    return vocabulary * dimensions


def simple_rnn_parameters(inputs, units):
    return (inputs + units + 1) * units


# %% wrong: one bias for each number of the kernel instead of one for each filter
def conv2d_parameters(kernel_height, kernel_width, channels, filters):
    return kernel_height * kernel_width * (channels * filters + filters)


def dense_parameters(inputs, units):
    return (inputs + 1) * units


def embedding_parameters(vocabulary, dimensions):
    return vocabulary * dimensions


def simple_rnn_parameters(inputs, units):
    return (inputs + units + 1) * units


# %% right: factored, one bias counted as one more input
def conv2d_parameters(kernel_height, kernel_width, channels, filters):
    return dense_parameters(kernel_height * kernel_width * channels, filters)


def dense_parameters(inputs, units):
    return (inputs + 1) * units


def embedding_parameters(vocabulary, dimensions):
    return vocabulary * dimensions


def simple_rnn_parameters(inputs, units):
    return dense_parameters(inputs + units, units)


# %% right: builds the layers in Keras and counts
def conv2d_parameters(kernel_height, kernel_width, channels, filters):
    layer = layers.Conv2D(filters, (kernel_height, kernel_width))
    layer.build((None, 28, 28, channels))
    return layer.count_params()


def dense_parameters(inputs, units):
    layer = layers.Dense(units)
    layer.build((None, inputs))
    return layer.count_params()


def embedding_parameters(vocabulary, dimensions):
    layer = layers.Embedding(vocabulary, dimensions)
    layer.build((None, None))
    return layer.count_params()


def simple_rnn_parameters(inputs, units):
    layer = layers.SimpleRNN(units)
    layer.build((None, None, inputs))
    return layer.count_params()
