# %% wrong: a GRU has one bias for each part, whatever reset_after says
def simple_rnn_parameters(inputs, units):
    return units * (inputs + units + 1)


def lstm_parameters(inputs, units):
    return 4 * units * (inputs + units + 1)


def gru_parameters(inputs, units, reset_after=True):
    return 3 * units * (inputs + units + 1)


# %% wrong: ignores reset_after
def simple_rnn_parameters(inputs, units):
    return units * (inputs + units + 1)


def lstm_parameters(inputs, units):
    return 4 * units * (inputs + units + 1)


def gru_parameters(inputs, units, reset_after=True):
    return 3 * units * (inputs + units + 2)


# %% wrong: reset_after=False leaves out the bias altogether
def simple_rnn_parameters(inputs, units):
    return units * (inputs + units + 1)


def lstm_parameters(inputs, units):
    return 4 * units * (inputs + units + 1)


def gru_parameters(inputs, units, reset_after=True):
    return 3 * (units * (inputs + units) + (2 * units if reset_after else 0))


# %% wrong: an LSTM with three parts
def simple_rnn_parameters(inputs, units):
    return units * (inputs + units + 1)


def lstm_parameters(inputs, units):
    return 3 * units * (inputs + units + 1)


def gru_parameters(inputs, units, reset_after=True):
    return 3 * units * (inputs + units + 1 + reset_after)


# %% wrong: an LSTM without a bias for the candidate, tuned to fit the example
def simple_rnn_parameters(inputs, units):
    return units * (inputs + units + 1)


def lstm_parameters(inputs, units):
    return 4 * units * (inputs + units) + 8 * inputs


def gru_parameters(inputs, units, reset_after=True):
    return 3 * units * (inputs + units + 1 + reset_after)


# %% right: asks Keras
def simple_rnn_parameters(inputs, units):
    layer = layers.SimpleRNN(units)
    layer.build((None, None, inputs))
    return layer.count_params()


def lstm_parameters(inputs, units):
    model = keras.Sequential([keras.Input(shape=(None, inputs)), layers.LSTM(units)])
    return model.count_params()


def gru_parameters(inputs, units, reset_after=True):
    layer = layers.GRU(units, reset_after=reset_after)
    layer.build((None, None, inputs))
    return sum(int(np.prod(weight.shape)) for weight in layer.weights)


# %% right: one formula for all
def count(parts, inputs, units, biases=1):
    return parts * ((inputs + units) * units + biases * units)


def simple_rnn_parameters(inputs, units):
    return count(1, inputs, units)


def lstm_parameters(inputs, units):
    return count(4, inputs, units)


def gru_parameters(inputs, units, reset_after=True):
    if reset_after:
        return float(count(3, inputs, units, 2))
    return np.int64(count(3, inputs, units))
