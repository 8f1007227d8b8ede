# %% wrong: compares with the epoch before instead of the best one
def early_stopping(losses, patience, min_delta=0.0):
    best, waited = 1, 0
    for epoch in range(2, len(losses) + 1):
        if losses[epoch - 1] < losses[epoch - 2] - min_delta:
            best, waited = epoch, 0
        else:
            waited += 1
            if waited >= patience:
                return epoch, best
    return len(losses), best


# %% wrong: the best epoch is sought among all losses, also those that were never run
def early_stopping(losses, patience, min_delta=0.0):
    best_loss, waited, last = losses[0], 0, len(losses)
    for epoch, loss in enumerate(losses[1:], start=2):
        if loss < best_loss - min_delta:
            best_loss, waited = loss, 0
        else:
            waited += 1
        if waited == patience:
            last = epoch
            break
    return last, int(np.argmin(losses)) + 1


# %% wrong: the count is not begun again after a better epoch
def early_stopping(losses, patience, min_delta=0.0):
    best, waited = 1, 0
    for epoch in range(2, len(losses) + 1):
        if losses[epoch - 1] < losses[best - 1] - min_delta:
            best = epoch
        else:
            waited += 1
            if waited == patience:
                return epoch, best
    return len(losses), best


# %% wrong: an epoch that is better by exactly min_delta counts as better
def early_stopping(losses, patience, min_delta=0.0):
    best, best_loss = 1, losses[0]
    for epoch, loss in enumerate(losses, start=1):
        if loss <= best_loss - min_delta:
            best, best_loss = epoch, loss
        elif epoch - best == patience:
            return epoch, best
    return len(losses), best


# %% wrong: the lowest loss moves the bar even if it is not better by min_delta
def early_stopping(losses, patience, min_delta=0.0):
    best, best_loss, waited = 1, losses[0], 0
    for epoch, loss in enumerate(losses[1:], start=2):
        waited += 1
        if loss < best_loss - min_delta:
            best, waited = epoch, 0
        best_loss = min(best_loss, loss)
        if waited == patience:
            return epoch, best
    return len(losses), best


# %% right: a while loop
def early_stopping(losses, patience, min_delta=0.0):
    best_loss, best_epoch, epoch, waited = float("inf"), 1, 0, 0
    while epoch < len(losses) and waited < patience:
        loss = losses[epoch]
        epoch += 1
        if loss + min_delta < best_loss:
            best_loss, best_epoch, waited = loss, epoch, 0
        else:
            waited += 1
    return [epoch, best_epoch]


# %% right: runs the callback of Keras
def early_stopping(losses, patience, min_delta=0.0):
    from types import SimpleNamespace

    model = SimpleNamespace(stop_training=False)
    stop = keras.callbacks.EarlyStopping(
        monitor="val_loss", mode="min", patience=patience, min_delta=min_delta
    )
    stop.set_model(model)
    stop.on_train_begin()
    for epoch, loss in enumerate(losses):
        stop.on_epoch_end(epoch, {"val_loss": loss})
        if model.stop_training:
            break
    return np.array([epoch + 1, stop.best_epoch + 1])
