# %% wrong: the warm-up still lasts a step too long
def learning_rates(base, warmup, steps):
    step = np.arange(steps)
    rising = base * (step + 1) / max(warmup, 1)
    falling = base / 2 * (1 + np.cos(np.pi * (step - warmup) / max(steps - warmup, 1)))
    return np.where(step <= warmup, rising, falling)


# %% wrong: avoids the collapse with a smaller base and mends nothing
def learning_rates(base, warmup, steps):
    base = base / warmup
    step = np.arange(steps)
    rising = base * (step + 1)
    falling = base / 2 * (1 + np.cos(np.pi * step / steps))
    return np.where(step <= warmup, rising, falling)


# %% wrong: fails without warm-up
def learning_rates(base, warmup, steps):
    rates = []
    for step in range(steps):
        rising = base * (step + 1) / warmup
        k, n = step - warmup, steps - warmup
        rates.append(rising if step < warmup else base / 2 * (1 + np.cos(np.pi * k / n)))
    return rates


# %% wrong: the cosine ends at 0 in the last step instead of one step later
def learning_rates(base, warmup, steps):
    rising = base * np.arange(1, warmup + 1) / max(warmup, 1)
    falling = base / 2 * (1 + np.cos(np.linspace(0, np.pi, steps - warmup)))
    return np.concatenate([rising, falling])


# %% wrong: fails where the warm-up lasts to the end
def learning_rates(base, warmup, steps):
    rates = []
    factor = np.pi / (steps - warmup)
    for step in range(steps):
        if step < warmup:
            rates.append(base * (step + 1) / warmup)
        else:
            rates.append(base / 2 * (1 + np.cos(factor * (step - warmup))))
    return rates


# %% right: the broken function, mended in its place
def learning_rates(base, warmup, steps):
    step = np.arange(steps)
    rising = base * (step + 1) / warmup
    falling = base / 2 * (1 + np.cos(np.pi * (step - warmup) / (steps - warmup)))
    return np.where(step < warmup, rising, falling)


# %% right: a list, step by step
import math


def learning_rates(base, warmup, steps):
    rates = []
    for step in range(steps):
        if step < warmup:
            rates.append(base / warmup * (step + 1))
        else:
            share = (step - warmup) / (steps - warmup)
            rates.append(0.5 * base * (1 + math.cos(math.pi * share)))
    return rates
