# %% wrong: the warm-up starts at 0 instead of base / warmup
def learning_rate(epoch, base, warmup, halving, minimum=0.0):
    if epoch < warmup:
        return base * epoch / warmup
    return max(minimum, base / 2 ** ((epoch - warmup) // halving))


# %% wrong: the rate falls in every epoch instead of in steps
def learning_rate(epoch, base, warmup, halving, minimum=0.0):
    if epoch < warmup:
        return base * (epoch + 1) / warmup
    return max(minimum, base * 0.5 ** ((epoch - warmup) / halving))


# %% wrong: the minimum holds in the warm-up too
def learning_rate(epoch, base, warmup, halving, minimum=0.0):
    if epoch < warmup:
        rate = base * (epoch + 1) / warmup
    else:
        rate = base * 0.5 ** ((epoch - warmup) // halving)
    return max(rate, minimum)


# %% wrong: divides by 0 if there is no warm-up
def learning_rate(epoch, base, warmup, halving, minimum=0.0):
    rising = base * (epoch + 1) / warmup
    falling = base * 0.5 ** ((epoch - warmup) // halving)
    return rising if epoch < warmup else max(falling, minimum)


# %% wrong: halves once and then stays
def learning_rate(epoch, base, warmup, halving, minimum=0.0):
    if epoch < warmup:
        return base * (epoch + 1) / warmup
    if epoch < warmup + halving:
        return base
    return max(base / 2, minimum)


# %% right: a loop that halves
def learning_rate(epoch, base, warmup, halving, minimum=0.0):
    if epoch + 1 <= warmup:
        return (epoch + 1) * base / warmup
    rate = base
    for _ in range(warmup, epoch - halving + 1, halving):
        rate /= 2
    return rate if rate > minimum else minimum


# %% right: NumPy throughout, returns an array
def learning_rate(epoch, base, warmup, halving, minimum=0.0):
    halvings = np.floor((epoch - warmup) / halving)
    decay = np.maximum(base * np.exp2(-halvings), minimum)
    return np.where(epoch < warmup, base * (epoch + 1) / max(warmup, 1), decay)
