# %% wrong: does not tell the modes from the validation data
def diagnose(run):
    if run["loss"][-1] < 1:
        return "validation data" if run["val_loss"][-1] > 1 else "healthy"
    if max(run["update"]) < 1e-4:
        return "rate too small"
    return "rate too large" if run["dead"][-1] > 0.5 else "labels"


# %% wrong: looks at the first epoch for a rate that is too large
def diagnose(run):
    if run["update"][0] > 0.05:
        return "rate too large"
    if run["update"][0] < 1e-4:
        return "rate too small"
    if run["loss"][-1] > 1:
        return "labels"
    if run["inference_loss"][-1] > 1:
        return "modes disagree"
    return "validation data" if run["val_loss"][-1] > 1 else "healthy"


# %% wrong: takes the tiny steps at the end of a schedule for a rate that is too small
def diagnose(run):
    if run["update"][-1] < 1e-4:
        return "rate too small"
    if run["loss"][-1] > 1:
        return "rate too large" if run["dead"][-1] > 0.5 else "labels"
    if run["inference_loss"][-1] > 1:
        return "modes disagree"
    return "validation data" if run["val_loss"][-1] > 1 else "healthy"


# %% wrong: any dead ReLUs mean a rate that is too large, in a network that learns too
def diagnose(run):
    if max(run["dead"]) > 0.5:
        return "rate too large"
    if max(run["update"]) < 1e-4:
        return "rate too small"
    if run["loss"][-1] > 1:
        return "labels"
    if run["inference_loss"][-1] > 1:
        return "modes disagree"
    return "validation data" if run["val_loss"][-1] > 1 else "healthy"


# %% wrong: compares with the exact numbers of the recorded runs
def diagnose(run):
    for name, known in RUNS.items():
        if known["loss"][0] == run["loss"][0]:
            return {"A": "rate too large", "B": "modes disagree", "C": "validation data"}.get(
                name, name
            )
    return "healthy"


# %% wrong: takes a high loss for a rate that is too small, and never looks at the updates
def diagnose(run):
    if run["loss"][-1] > 2.4:
        return "rate too small"
    if run["loss"][-1] > 1:
        return "rate too large" if run["dead"][-1] > 0.6 else "labels"
    if run["inference_loss"][-1] > 1:
        return "modes disagree"
    return "validation data" if run["val_loss"][-1] > 1 else "healthy"


# %% right: by what was learned, in arrays
def diagnose(run):
    run = {name: np.array(numbers) for name, numbers in run.items()}
    learns = run["loss"][-1] < 0.6 * np.log(10)
    if learns:
        if run["inference_loss"][-1] > 3 * run["loss"][-1] + 0.5:
            return "modes disagree"
        if run["val_loss"][-1] > 3 * run["inference_loss"][-1] + 0.5:
            return "validation data"
        return "healthy"
    if run["update"].max() > 0.05:
        return "rate too large"
    if run["update"].max() < 5e-5:
        return "rate too small"
    return "labels"


# %% right: by gradients and the fall of the loss
def diagnose(run):
    loss, inference, val = (run[k][-1] for k in ("loss", "inference_loss", "val_loss"))
    if max(run["update"]) < 3e-5 and abs(run["loss"][0] - loss) < 0.05:
        return "rate too small"
    if min(run["dead"][-2:]) >= 0.8:
        return "rate too large"
    if loss > 1.5:
        return "labels"
    if inference - loss > 0.5:
        return "modes disagree"
    if val - inference > 0.5:
        return "validation data"
    return "healthy"
