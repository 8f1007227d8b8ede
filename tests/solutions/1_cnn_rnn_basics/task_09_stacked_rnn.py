# %% wrong: the last layer returns its whole sequence too
def build_stacked_rnn(vocabulary, dimensions, units):
    model = keras.Sequential([keras.Input(shape=(None,))])
    model.add(layers.Embedding(vocabulary, dimensions))
    for n in units:
        model.add(layers.SimpleRNN(n, return_sequences=True))
    return model


# %% wrong: no layer returns its sequence, so the second one gets no time steps
def build_stacked_rnn(vocabulary, dimensions, units):
    model = keras.Sequential([keras.Input(shape=(None,))])
    model.add(layers.Embedding(vocabulary, dimensions))
    for n in units:
        model.add(layers.SimpleRNN(n))
    return model


# %% wrong: the average over the steps instead of the last output
def build_stacked_rnn(vocabulary, dimensions, units):
    model = keras.Sequential([keras.Input(shape=(None,))])
    model.add(layers.Embedding(vocabulary, dimensions))
    for n in units:
        model.add(layers.SimpleRNN(n, return_sequences=True))
    model.add(layers.GlobalAveragePooling1D())
    return model


# %% wrong: the length of the example is built in
def build_stacked_rnn(vocabulary, dimensions, units):
    model = keras.Sequential([keras.Input(shape=(20,))])
    model.add(layers.Embedding(vocabulary, dimensions))
    for n in units[:-1]:
        model.add(layers.SimpleRNN(n, return_sequences=True))
    model.add(layers.SimpleRNN(units[-1]))
    return model


# %% wrong: all layers get the size of the first one
def build_stacked_rnn(vocabulary, dimensions, units):
    model = keras.Sequential([keras.Input(shape=(None,))])
    model.add(layers.Embedding(vocabulary, dimensions))
    for _ in units[1:]:
        model.add(layers.SimpleRNN(units[0], return_sequences=True))
    model.add(layers.SimpleRNN(units[0]))
    return model


# %% right: the functional API
def build_stacked_rnn(vocabulary, dimensions, units):
    words = keras.Input(shape=(None,), dtype="int32")
    x = layers.Embedding(vocabulary, dimensions)(words)
    for i, n in enumerate(units, start=1):
        x = layers.SimpleRNN(n, return_sequences=i < len(units))(x)
    return keras.Model(words, x)


# %% right: cells in one RNN layer, which is a stack as well
def build_stacked_rnn(vocabulary, dimensions, units):
    return keras.Sequential(
        [
            keras.Input(shape=(None,)),
            layers.Embedding(input_dim=vocabulary, output_dim=dimensions),
            layers.RNN([layers.SimpleRNNCell(n) for n in units]),
        ]
    )
