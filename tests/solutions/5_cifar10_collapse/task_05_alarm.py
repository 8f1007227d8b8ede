# %% wrong: alarm at the first stuck epoch
def first_alarm(losses, spreads, classes):
    for epoch, (loss, spread) in enumerate(zip(losses, spreads), 1):
        if not np.isfinite([loss, spread]).all():
            return epoch
        if abs(loss - np.log(classes)) <= 0.05 and spread <= 0.01:
            return epoch
    return None


# %% wrong: counts epochs from 0
def first_alarm(losses, spreads, classes):
    before = False
    for epoch, (loss, spread) in enumerate(zip(losses, spreads)):
        if not np.isfinite(loss) or not np.isfinite(spread):
            return epoch
        stuck = abs(loss - np.log(classes)) <= 0.05 and spread <= 0.01
        if stuck and before:
            return epoch
        before = stuck
    return None


# %% wrong: two stuck epochs, in a row or not
def first_alarm(losses, spreads, classes):
    count = 0
    for epoch, (loss, spread) in enumerate(zip(losses, spreads), 1):
        if not np.isfinite(loss) or not np.isfinite(spread):
            return epoch
        if abs(loss - np.log(classes)) <= 0.05 and spread <= 0.01:
            count += 1
        if count == 2:
            return epoch
    return None


# %% wrong: forgets the absolute value, so that every low loss is near ln C
def first_alarm(losses, spreads, classes):
    count = 0
    for epoch, (loss, spread) in enumerate(zip(losses, spreads), 1):
        if not np.isfinite(loss) or not np.isfinite(spread):
            return epoch
        count = count + 1 if loss - np.log(classes) <= 0.05 and spread <= 0.01 else 0
        if count == 2:
            return epoch
    return None


# %% wrong: always ten classes, and an infinite loss is fine
def first_alarm(losses, spreads, classes):
    before = False
    for epoch, (loss, spread) in enumerate(zip(losses, spreads), 1):
        if loss != loss or spread != spread:
            return epoch
        stuck = abs(loss - 2.3026) <= 0.05 and spread <= 0.01
        if stuck and before:
            return epoch
        before = stuck


# %% right: arrays, and the first place where there is an alarm
def first_alarm(losses, spreads, classes):
    losses, spreads = np.array(losses, dtype=float), np.array(spreads, dtype=float)
    broken = ~(np.isfinite(losses) & np.isfinite(spreads))
    stuck = (np.abs(losses - np.log(classes)) <= 0.05) & (spreads <= 0.01)
    alarm = broken.copy()
    alarm[1:] |= stuck[1:] & stuck[:-1]
    return np.argmax(alarm) + 1 if alarm.any() else None


# %% right: looks back from each epoch
import math


def first_alarm(losses, spreads, classes):
    def is_stuck(i):
        return abs(losses[i] - math.log(classes)) <= 0.05 and spreads[i] <= 0.01

    for i in range(len(losses)):
        if math.isnan(losses[i]) or math.isinf(losses[i]):
            return i + 1
        if math.isnan(spreads[i]) or math.isinf(spreads[i]):
            return i + 1
        if i > 0 and is_stuck(i - 1) and is_stuck(i):
            return i + 1
