"""Pictures of a training: in what order data leave a shuffle buffer, and when training stops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np

from course.figures import COLOURS
from course.interactive import TOLD, Picture, constants, expressions, radio, slider

BLUE, ORANGE = COLOURS[:2]
GREY = "#9a9a9a"
LINES = "#e4e4e4"
HEIGHT = 230  # pixels
PATIENCE = 10  # at most
DELTAS = 0, 0.001, 0.01, 0.05


def shuffle_buffer(
    orders: Mapping[int, Sequence[int]], classes: Sequence[int], batch: int
) -> Picture:
    """Return how points that are sorted by class leave shuffle buffers of several sizes.

    Args:
        orders: by the buffer's size, the places of all points in the order in which they leave.
        classes: (n,), 0 or 1, sorted.
        batch: how many points a batch has; n is a multiple of it.
    """
    classes = np.asarray(classes)
    n, sizes = len(classes), list(orders)
    batches = n // batch
    taken = {size: np.asarray(order) for size, order in orders.items()}
    ones = {
        size: classes[order].reshape(batches, batch).sum(axis=1) for size, order in taken.items()
    }
    values = {
        "sizes": sizes,
        "orders": [order.tolist() for order in taken.values()],
        "ones": [counts.tolist() for counts in ones.values()],
        "waiting": [[_waiting(taken[size], size, number * batch, classes) for number in range(batches + 1)]
                    for size in sizes],
        "pure": [int(np.isin(counts, (0, batch)).sum()) for counts in ones.values()],
    }  # fmt: skip
    controls = [
        radio("buffer", sizes, "Buffer", value=sizes[len(sizes) // 2]),
        slider("done", 0, batches, "Batches", value=batches * 2 // 5),
    ]
    derived = {
        "which": "indexof(sizes, buffer)",
        "order": "orders[which]",
        "handed": f"done * {batch}",
        "read": f"min({n}, handed + buffer)",
        "inside": "read - handed",
        TOLD: f"'Buffer of ' + buffer + ', after ' + done + ' of {batches} batches: ' + inside + "
        "(inside == 1 ? ' point stands' : ' points stand') + ' in the buffer, ' + waiting[which][done]"
        f" + ' of class 1; ' + ({n} - read) + ' are not read yet. '"
        f" + (done < {batches} ? 'Of the {batch} points of the next batch ' + ones[which][done]"
        " + (ones[which][done] == 1 ? ' is' : ' are') + ' of class 1. ' : '')"
        f" + 'Of all {batches} batches ' + pure[which]"
        " + (pure[which] == 1 ? ' holds' : ' hold') + ' one class only.'",
    }
    border = int((classes == 0).sum())
    chart = alt.concat(
        _order(n, border), _batches(batches, batch, border / n), columns=2, spacing=24
    )
    return Picture(
        chart.add_params(*controls, *constants(values), *expressions(derived)),
        name="fig-shuffle-buffer",
        caption="Points sorted by class leave a shuffle buffer. Left each point that was handed out; "
        "the black marks are the points that stand in the buffer now, and no point can lie above the "
        "dashed line. Right what the batches hold. Hand out batch after batch, and look for the "
        "smallest buffer with which every batch holds both classes.",
        alt="Left a plot of the place before shuffling against the place after: a band of points "
        "below a dashed line, and a column of marks, the buffer, at its right end. Right a bar for "
        "each batch, the number of its points of class 1: none in early batches, all in late ones.",
    )


def _waiting(order: np.ndarray, size: int, handed: int, classes: np.ndarray) -> int:
    """Return how many points of class 1 stand in the buffer when so many are handed out."""
    still = order[handed:]
    return int(classes[still[still < handed + size]].sum())


def _order(n: int, border: int) -> alt.LayerChart:
    ends = alt.Scale(domain=[0, n], nice=False)
    axis = alt.Axis(values=[0, n / 2, n], grid=False)
    x = alt.X("after:Q", title="place after shuffling", scale=ends, axis=axis)
    y = alt.Y("before:Q", title="place before shuffling", scale=ends, axis=axis)
    every = alt.Chart(alt.sequence(0, n, as_="after")).transform_calculate(
        before="order[datum.after]"
    )
    points = (
        every.transform_filter("datum.after < handed")
        .mark_point(filled=True, size=9, opacity=0.8)
        .encode(x=x, y=y, color=_by_class(f"datum.before >= {border}"))
    )
    inside = (
        every.transform_filter("datum.after >= handed && datum.before < read")
        # A name of its own: the filter asks for `after` again whenever a control moves
        .transform_calculate(now="handed")
        .mark_tick(orient="horizontal", size=14, thickness=1, xOffset=7, color="#222", opacity=1)
        .encode(x=alt.X("now:Q", title="place after shuffling"), y=y)
    )
    limit = (
        alt.Chart(alt.sequence(0, 2, as_="end"))
        .transform_calculate(
            after=f"datum.end ? {n} - buffer : 0", before=f"datum.end ? {n} : buffer"
        )
        .mark_line(strokeDash=[6, 4], color="#222", strokeWidth=1)
        .encode(x=x, y=y)
    )
    sides = [
        {"after": n, "before": border / 2, "text": "class 0"},
        {"after": n, "before": (border + n) / 2, "text": "class 1"},
    ]
    names = alt.Chart(alt.Data(values=sides)).mark_text(align="left", dx=12, color="#222")
    rule = alt.Chart(alt.Data(values=[{"before": border}])).mark_rule(color=GREY).encode(y=y)
    return alt.layer(
        rule, points, inside, limit, names.encode(x=x, y=y, text="text:N")
    ).properties(width=HEIGHT, height=HEIGHT, title="Order of the points")  # fmt: skip


def _by_class(of_one: str) -> dict:
    return alt.condition(of_one, alt.value(ORANGE), alt.value(BLUE))


def _batches(batches: int, batch: int, zeros: float) -> alt.LayerChart:
    y = alt.Y(
        "ones:Q",
        title="points of class 1",
        scale=alt.Scale(domain=[0, batch], nice=False),
        axis=alt.Axis(gridColor=LINES, tickCount=5),
    )
    labels = [
        number for number in range(1, batches + 1) if number in (1, batches) or not number % 5
    ]
    bars = (
        alt.Chart(alt.sequence(0, batches, as_="at"))
        .transform_calculate(number="datum.at + 1", ones="ones[which][datum.at]")
        .mark_bar(color=ORANGE, stroke=ORANGE, strokeWidth=1)
        .encode(
            x=alt.X("number:O", title="batch", axis=alt.Axis(values=labels, labelAngle=0)),
            y=y,
            fillOpacity=alt.condition("datum.at < done", alt.value(1), alt.value(0.15)),
        )
    )
    mixed = alt.Chart(alt.Data(values=[{"ones": batch * (1 - zeros)}]))
    rule = mixed.mark_rule(strokeDash=[2, 3], color="#222").encode(y=y)
    return alt.layer(bars, rule).properties(
        width=270,
        height=HEIGHT,
        title=["In the batches (filled: handed out,", "dotted line: the share in all data)"],
    )


def early_stopping(runs: Mapping[str, Sequence[float]]) -> Picture:
    """Return where `EarlyStopping` ends trainings, and which weights are kept.

    Args:
        runs: by the training's name, the validation loss after each epoch; all as long.
    """
    names = list(runs)
    followed = [[follow(losses, delta) for delta in DELTAS] for losses in runs.values()]
    values = {
        "names": names,
        "deltas": list(DELTAS),
        "losses": [[round(float(loss), 6) for loss in losses] for losses in runs.values()],
        "bests": [[best for best, _ in of_run] for of_run in followed],
        "waits": [[wait for _, wait in of_run] for of_run in followed],
        "ends": [[_ends(wait) for _, wait in of_run] for of_run in followed],
        "lowest": [int(np.argmin(losses)) + 1 for losses in runs.values()],
    }
    epochs = len(values["losses"][0])
    controls = [
        radio("training", names, "Training"),
        slider("patience", 1, PATIENCE, "patience", value=1),
        radio("delta", DELTAS, "min_delta"),
        radio("restored", ["False", "True"], "restore_best_weights"),
    ]
    derived = {
        "which": "indexof(names, training)",
        "row": "indexof(deltas, delta)",
        "loss": "losses[which]",
        "best": "bests[which][row]",
        "wait": "waits[which][row]",
        "stop": "ends[which][row][patience - 1]",
        "end": f"stop == 0 ? {epochs} : stop",
        "kept": "restored == 'True' ? best[end - 1] : end",
        TOLD: f"(stop == 0 ? 'Training goes through all {epochs} epochs' :"
        f" 'Training ends after epoch ' + stop + ' of {epochs}, as ' + "
        "(patience == 1 ? '1 epoch' : patience + ' epochs') + ' brought no new best') + "
        "'. The weights that are kept are those of epoch ' + kept + ', with a validation loss of '"
        f" + format(loss[kept - 1], '.4f') + ' nats. The lowest of all {epochs} is '"
        " + format(loss[lowest[which] - 1], '.4f') + ', of epoch ' + lowest[which] + '.'",
    }
    chart = alt.concat(_losses(values["losses"]), _waits(epochs), columns=2, spacing=24)
    return Picture(
        chart.add_params(*controls, *constants(values), *expressions(derived)),
        name="fig-early-stopping",
        caption="Where EarlyStopping ends a training (orange line), and what is kept (diamond). A point is a new "
        "best if it lies below its dash, the best loss so far less min_delta; each other epoch makes "
        "the bar on the right grow, up to the patience. Change the patience, and look for the "
        "smallest one with which the lowest loss of the whole training is kept; then raise min_delta.",
        alt="Left the validation loss after each epoch, with a vertical line where training ends, "
        "pale points for the epochs that are not run, and a diamond at the epoch whose weights are "
        "kept. Right bars, the epochs since the last new best one, up to a dashed line, the patience.",
    )


def follow(losses: Sequence[float], delta: float) -> tuple[list[int], list[int]]:
    """Follow a training as `EarlyStopping` does, without ending it.

    Args:
        losses: the validation loss after each epoch.
        delta: by how much a loss must be lower than the best to be a new best.

    Returns:
        After each epoch: the best epoch so far, counted from 1, and how many epochs ago it was.
    """
    bests, waits, lowest = [], [], np.inf
    for epoch, loss in enumerate(losses, start=1):
        if loss < lowest - delta:
            lowest, best = loss, epoch
        bests.append(best)
        waits.append(epoch - best)
    return bests, waits


def _ends(waits: Sequence[int]) -> list[int]:
    """Return after which epoch training ends, by the patience from 1 on; 0 if it does not."""
    return [
        waits.index(patience) + 1 if patience in waits else 0 for patience in range(1, PATIENCE + 1)
    ]


def _epoch(epochs: int) -> alt.X:
    gap = 1 if epochs <= 10 else 5 if epochs <= 30 else 10
    labels = [epoch for epoch in range(1, epochs + 1) if epoch == 1 or not epoch % gap]
    return alt.X(
        "epoch:Q",
        title="epoch",
        scale=alt.Scale(domain=[0.4, epochs + 0.6], nice=False),
        axis=alt.Axis(values=labels, format="d", grid=False),
    )


def _end(x: alt.X) -> alt.Chart:
    """Return the line where training ends."""
    return (
        alt.Chart(alt.Data(values=[{}]))
        .transform_filter("stop > 0")
        .transform_calculate(epoch="stop")
        .mark_rule(color=ORANGE, strokeWidth=2)
        .encode(x=x)
    )


def _losses(losses: Sequence[Sequence[float]]) -> alt.LayerChart:
    epochs = len(losses[0])
    x = _epoch(epochs)
    low, high = min(map(min, losses)) - max(DELTAS), max(map(max, losses))
    room = (high - low) / 20
    y = alt.Y(
        "loss:Q",
        title="validation loss (nats)",
        scale=alt.Scale(domain=[low - room, high + room], nice=False, zero=False),
        axis=alt.Axis(gridColor=LINES, tickCount=5),
    )
    every = alt.Chart(alt.sequence(1, epochs + 1, as_="epoch")).transform_calculate(
        loss="loss[datum.epoch - 1]", new="best[datum.epoch - 1] == datum.epoch"
    )
    points = every.mark_point(filled=True, size=40).encode(
        x=x,
        y=y,
        color=alt.condition("datum.epoch <= end", alt.value(BLUE), alt.value("#c4c4c4")),
        shape=alt.condition("datum.new", alt.value("circle"), alt.value("cross")),
        opacity=alt.value(1),
    )
    dashes = (
        every.transform_filter("datum.epoch > 1 && datum.epoch <= end")
        .transform_calculate(to_beat="loss[best[datum.epoch - 2] - 1] - delta")
        .mark_tick(orient="horizontal", size=200 / epochs, thickness=2, color="#222", opacity=1)
        .encode(x=x, y=alt.Y("to_beat:Q", title="validation loss (nats)"))
    )
    kept = (
        alt.Chart(alt.Data(values=[{}]))
        .transform_calculate(epoch="kept", loss="loss[kept - 1]", text="'kept: ' + kept")
        .encode(x=x, y=y)
    )
    diamond = kept.mark_point(shape="diamond", size=190, stroke=ORANGE, strokeWidth=2.5, opacity=1)
    # Beside the line; near the right edge on its left
    text = kept.mark_text(
        dy=-14,
        align={"expr": f"kept > {epochs} * 0.8 ? 'right' : 'left'"},
        dx={"expr": f"kept > {epochs} * 0.8 ? -8 : 8"},
        color="#222",
    ).encode(text="text:N")
    return alt.layer(_end(x), dashes, points, diamond, text).properties(
        width=300,
        height=HEIGHT,
        title=[
            "Validation loss (dot: new best, cross: none,",
            "dash: what a new best must be below)",
        ],
    )


def _waits(epochs: int) -> alt.LayerChart:
    x = _epoch(epochs)
    y = alt.Y(
        "wait:Q",
        title="epochs since the best",
        scale=alt.Scale(domain=[0, PATIENCE + 0.5], nice=False),
        axis=alt.Axis(values=list(range(0, PATIENCE + 1, 2)), gridColor=LINES, format="d"),
    )
    bars = (
        alt.Chart(alt.sequence(1, epochs + 1, as_="epoch"))
        .transform_filter("datum.epoch <= end")
        .transform_calculate(wait="wait[datum.epoch - 1]")
        .mark_bar(size=150 / epochs, color=BLUE)
        .encode(x=x, y=y)
    )
    limit = (
        alt.Chart(alt.Data(values=[{}]))
        .transform_calculate(wait="patience")
        .mark_rule(strokeDash=[6, 4], color="#222")
        .encode(y=y)
    )
    return alt.layer(_end(x), bars, limit).properties(
        width=250, height=HEIGHT, title=["Epochs without a new best", "(dashed line: the patience)"]
    )
