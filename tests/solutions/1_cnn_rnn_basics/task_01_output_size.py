# %% wrong: forgets the + 1, so the first position is not counted
def conv_output_size(size, kernel, stride=1, padding="valid"):
    if padding == "same":
        return -(-size // stride)
    return (size - kernel) // stride


# %% wrong: takes valid for same
def conv_output_size(size, kernel, stride=1, padding="valid"):
    return (size - kernel) // stride + 1


# %% wrong: with same the output is always as long as the input, whatever the stride
def conv_output_size(size, kernel, stride=1, padding="valid"):
    if padding == "same":
        return size
    return (size - kernel) // stride + 1


# %% wrong: with same it rounds down instead of up
def conv_output_size(size, kernel, stride=1, padding="valid"):
    if padding == "same":
        return size // stride
    return (size - kernel) // stride + 1


# %% wrong: hard-coded to the examples of the visible tests
def conv_output_size(size, kernel, stride=1, padding="valid"):
    known = {(28, 3, 1, "valid"): 26, (11, 3, 1, "valid"): 9, (28, 4, 2, "valid"): 13}
    return known.get((size, kernel, stride, padding), size)


# %% right: counts the positions
def conv_output_size(size, kernel, stride=1, padding="valid"):
    end = size if padding == "same" else size - kernel + 1
    return len(range(0, end, stride))


# %% right: floats and math.ceil, in the form that TensorFlow documents
import math


def conv_output_size(size, kernel, stride=1, padding="valid"):
    if padding == "valid":
        return math.ceil((size - kernel + 1) / stride)
    return math.ceil(size / stride)
