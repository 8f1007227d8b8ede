# %% wrong: forgets to scale the values that stay
def dropout(values, rate, noise, training):
    if not training:
        return values
    return np.where(noise < rate, 0, values)


# %% wrong: divides by the rate instead of by what is left of 1
def dropout(values, rate, noise, training):
    if not training:
        return values
    return np.where(noise < rate, 0, values) / rate


# %% wrong: drops a value where the noise is exactly the rate
def dropout(values, rate, noise, training):
    if not training:
        return values
    return np.where(noise <= rate, 0, values / (1 - rate))


# %% wrong: the old way, which scales when the network is used instead of in training
def dropout(values, rate, noise, training):
    if training:
        return values * (noise >= rate)
    return values * (1 - rate)


# %% wrong: always doubles the values that stay
def dropout(values, rate, noise, training):
    return 2 * values * (noise >= rate) if training else values


# %% right: a mask that holds the scale
def dropout(values, rate, noise, training):
    keep = 1 - rate
    mask = (noise >= rate).astype(float) / keep
    return values * mask if training else values


# %% right: changes a copy in place
def dropout(values, rate, noise, training):
    result = values.copy()
    if training == True:
        result[noise < rate] = 0.0
        result /= 1.0 - rate
    return result
