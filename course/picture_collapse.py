"""Pictures of runs that collapse, and of what a loss says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import altair as alt
import numpy as np

from course.experiments import Outcome
from course.figures import COLOURS
from course.interactive import TOLD, Picture, constants, expressions, select, slider

BLUE, ORANGE, GREEN = COLOURS[:3]
WIDTH, HEIGHT = 270, 230  # pixels
LN10 = float(np.log(10))
LOSSES = 1.3, 3.5  # nats, what is drawn; a larger loss stands at the upper edge
SPREADS = 1e-7, 1.0
RUNS = "runs"  # the name of the data, which stand in the chart once for all its layers
FATES = {1: "learned", 0: "did neither", -1: "collapsed"}


def learning_rates(
    outcomes: Iterable[Outcome], fate: Callable[[Mapping[str, Any]], int], look: int
) -> Picture:
    """Return runs of several networks, with a slider over their learning rates.

    Args:
        outcomes: of experiments named `survival/NETWORK/RATE/SEED`, each with its mean `loss`
            since the last look, the accuracy `held` and the `spread` of the answers at each look.
        fate: what became of a result: 1 learned, -1 collapsed, 0 neither.
        look: steps from one look to the next.
    """
    runs: dict[tuple[str, float], list[tuple[str, Mapping[str, Any]]]] = {}
    for outcome in outcomes:
        _, network, rate, seed = outcome.parts
        runs.setdefault((network, float(rate)), []).append((seed, outcome.result))
    networks = list(dict.fromkeys(network for network, _ in runs))
    rates = sorted({rate for _, rate in runs})
    points = [
        {
            "network": network,
            "rate": rates.index(rate),
            "seed": f"seed {seed}",
            "step": look * (place + 1),
            "loss": _drawn(np.nan_to_num(loss, nan=np.inf), *LOSSES),
            "spread": _drawn(np.nan_to_num(spread), *SPREADS),
        }
        for (network, rate), seeds in runs.items()
        for seed, result in seeds
        for place, (loss, spread) in enumerate(zip(result["loss"], result["spread"], strict=True))
    ]
    told = [[_told(runs.get((network, rate), []), fate) for rate in rates] for network in networks]
    controls = [
        select("network", networks, "Network"),
        slider(
            "place",
            1,
            len(rates),
            f"Learning rate, 1 to {len(rates)}",
            value=max(len(rates) // 2, 1),
        ),
    ]
    values = {"networks": networks, "rates": [f"{rate:g}" for rate in rates], "of_runs": told}
    derived = {
        TOLD: "'Learning rate ' + rates[place - 1] + ', ' + network + ': '"
        " + of_runs[indexof(networks, network)][place - 1]",
    }
    chart = alt.concat(
        _curves(points, "loss", look),
        _curves(points, "spread", look),
        columns=2,
        spacing=24,
        datasets={RUNS: points},
    ).add_params(*controls, *constants(values), *expressions(derived))
    return Picture(
        chart,
        name="fig-learning-rates",
        caption="Runs of the record. Left the loss, a mean over the steps since the point before, "
        f"with a dotted line at ln 10; a triangle stands for a loss above {LOSSES[1]}. Right the spread "
        "of the answers, on a logarithmic scale. A curve that ends early is a dead run that was "
        "stopped. Raise the learning rate until the runs die, then change the network.",
        alt="Two plots over the training steps with a curve for each of the seeds. Left the loss, "
        "with a dotted line at ln 10; right the spread of the answers, which falls by several "
        "powers of ten where a run collapses.",
    )


def _drawn(value: float, low: float, high: float) -> float:
    """Return the value as it is drawn: inside the limits, with four digits."""
    return float(f"{min(max(value, low), high):.4g}")


def _told(
    seeds: list[tuple[str, Mapping[str, Any]]], fate: Callable[[Mapping[str, Any]], int]
) -> str:
    """Return what became of the runs of one network at one rate, as a sentence."""
    if not seeds:
        return "no run."
    results = [result for _, result in seeds]
    became = [fate(result) for result in results]
    counts = [f"{became.count(key)} {name}" for key, name in FATES.items() if key in became]
    losses = ", ".join(f"{result['loss'][-1]:.3f}" for result in results)
    held = ", ".join(f"{result['held'][-1]:.3f}" for result in results)
    return (
        f"of {len(seeds)} runs {' and '.join(counts)}. Last losses {losses} nats (ln 10 is {LN10:.3f}), "
        f"last accuracies {held}."
    )


def _curves(points: list[dict], name: str, look: int) -> alt.LayerChart:
    seeds = sorted({point["seed"] for point in points})
    last = max(point["step"] for point in points)
    scale, axis = {
        "loss": (
            alt.Scale(domain=list(LOSSES), nice=False, zero=False),
            alt.Axis(gridColor="#e4e4e4", tickCount=5),
        ),
        "spread": (
            alt.Scale(type="log", domain=list(SPREADS), nice=False),
            alt.Axis(
                gridColor="#e4e4e4",
                values=[10.0**power for power in range(-7, 1)],
                labelExpr="datum.value == 1 ? '1' : format(datum.value, '.0e')",
            ),
        ),
    }[name]
    titles = {"loss": "loss of training (nats)", "spread": "spread of the answers"}
    x = alt.X(
        "step:Q",
        title="steps of training",
        scale=alt.Scale(domain=[0, last + look / 4], nice=False),
        axis=alt.Axis(values=list(range(0, last + 1, look)), grid=False),
    )
    y = alt.Y(f"{name}:Q", title=titles[name], scale=scale, axis=axis)
    colour = alt.Color(
        "seed:N",
        scale=alt.Scale(domain=seeds, range=list(COLOURS[: len(seeds)])),
        legend=alt.Legend(orient="bottom", title=None, symbolType="stroke", symbolSize=300),
    )
    dash = alt.StrokeDash(
        "seed:N",
        scale=alt.Scale(domain=seeds, range=[[1, 0], [7, 4], [2, 3]][: len(seeds)]),
        legend=alt.Legend(orient="bottom", title=None),
    )
    base = (
        alt.Chart(alt.NamedData(name=RUNS))
        .transform_filter("datum.network == network && datum.rate == place - 1")
        .encode(x=x, y=y, color=colour)
    )
    lines = base.mark_line(strokeWidth=2).encode(strokeDash=dash)
    # What is cut off is a triangle that points to where it is
    beyond = f"datum.loss >= {LOSSES[1]}" if name == "loss" else "false"
    marks = base.mark_point(filled=True, opacity=1).encode(
        shape=alt.condition(beyond, alt.value("triangle-up"), alt.value("circle")),
        size=alt.condition(beyond, alt.value(130), alt.value(40)),
    )
    parts = [lines, marks]
    if name == "loss":
        guess = alt.Chart(alt.Data(values=[{"loss": LN10, "step": 0, "text": "ln 10"}]))
        parts.append(guess.mark_rule(strokeDash=[2, 3], color="#222").encode(y=y))
        parts.append(
            guess.mark_text(align="left", dx=4, dy=10, color="#222").encode(x=x, y=y, text="text:N")
        )
    title = {"loss": "Loss", "spread": "How much answers differ between pictures"}[name]
    return alt.layer(*parts).properties(width=WIDTH, height=HEIGHT, title=title)


def sureness(right: float, classes: int = 10) -> Picture:
    """Return what a network's sureness costs it, for a share of right answers.

    The network gives its answer the same probability for every picture, and the rest to the other
    classes in equal parts.

    Args:
        right: the share of right answers at first, from 0.05 to 0.95.
        classes: how many there are.
    """
    others = classes - 1
    controls = [
        slider(
            "right", 0.05, 0.95, "Share of right answers", value=round(float(right), 2), step=0.01
        ),
        slider("sure", 0.05, 0.99, "Probability of its answer", value=0.5, step=0.01),
    ]
    derived = {
        "cost_right": "-log(sure)",
        "cost_wrong": f"-log((1 - sure) / {others})",
        "mean": "right * cost_right + (1 - right) * cost_wrong",
        "above": f"mean - log({classes})",
        TOLD: "'A right answer costs ' + format(cost_right, '.3f') + ' nats, a wrong one '"
        " + format(cost_wrong, '.3f') + '. With ' + format(right, '.0%') + ' of right answers the "
        "loss is ' + format(mean, '.3f') + ', ' + (abs(above) < 0.0005 ? 'just' :"
        " format(abs(above), '.3f') + (above > 0 ? ' above' : ' below'))"
        f" + ' ln {classes}.'",
    }
    chart = alt.concat(_one_answer(classes), _loss_of_sureness(classes), columns=2, spacing=24)
    return Picture(
        chart.add_params(*controls, *expressions(derived)),
        name="fig-sureness",
        caption="What it costs to be sure. Left one answer of a network, right its loss over all "
        f"pictures; the dotted line is ln {classes}. Change how sure the network is, and look for the "
        "probability with the smallest loss; then change how often it is right.",
        alt=f"On the left {classes} bars, the probabilities for one picture, the highest for the "
        "network's answer. On the right the loss against the probability of the answer: a curve "
        f"that is lowest near the share of right answers and climbs far above a dotted line at "
        f"ln {classes}.",
    )


def _one_answer(classes: int) -> alt.LayerChart:
    base = (
        alt.Chart(
            alt.sequence(0, classes, as_="place"), title="Probabilities for one picture"
        )
        .transform_calculate(
            said=f"datum.place == 0 ? sure : (1 - sure) / {classes - 1}",
            text="format(datum.said, '.3f')",
        )
        .encode(
            y=alt.Y(
                "place:O",
                title=None,
                axis=alt.Axis(
                    labelExpr="datum.value == 0 ? 'its answer' : 'another'",
                    ticks=False, domain=False,
                ),
            ),
        )
    )  # fmt: skip
    x = alt.X(
        "said:Q",
        title="probability",
        # Room for the number behind a full bar
        scale=alt.Scale(domain=[0, 1.3], nice=False),
        axis=alt.Axis(values=[0, 0.2, 0.4, 0.6, 0.8, 1], format=".1f", gridColor="#e4e4e4"),
    )
    bars = base.mark_bar().encode(
        x=x, color=alt.condition("datum.place == 0", alt.value(BLUE), alt.value("#9a9a9a"))
    )
    text = base.mark_text(align="left", dx=5).encode(x=x, text="text:N")
    return alt.layer(bars, text).properties(width=230, height=HEIGHT)


def _loss_of_sureness(classes: int) -> alt.LayerChart:
    x = alt.X(
        "p:Q",
        title="probability of its answer",
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(values=[0, 0.2, 0.4, 0.6, 0.8, 1], format=".1f", grid=False),
    )
    y = alt.Y(
        "loss:Q",
        title="loss (nats)",
        scale=alt.Scale(domain=[0, 7], nice=False),
        axis=alt.Axis(gridColor="#e4e4e4"),
    )
    loss = f"-right * log(datum.p) - (1 - right) * log((1 - datum.p) / {classes - 1})"
    curve = (
        alt.Chart(alt.sequence(5, 100, as_="hundredths"))
        .transform_calculate(p="datum.hundredths / 100")
        .transform_calculate(loss=loss)
        .mark_line(color=BLUE)
        .encode(x=x, y=y)
    )
    now = alt.Chart(alt.Data(values=[{}])).transform_calculate(p="sure").transform_calculate(
        loss="mean", text="format(mean, '.3f')"
    )  # fmt: skip
    point = now.mark_point(filled=True, size=110, color=ORANGE, shape="diamond", opacity=1)
    # Near the right edge the number stands on the left of its point
    text = now.mark_text(
        dy=-12,
        align={"expr": "sure > 0.7 ? 'right' : 'left'"},
        dx={"expr": "sure > 0.7 ? -6 : 6"},
        color="#222",
    )
    guess = alt.Chart(alt.Data(values=[{"loss": float(np.log(classes)), "p": 1}]))
    rule = guess.mark_rule(strokeDash=[2, 3], color="#222").encode(y=y)
    named = guess.mark_text(align="right", dx=-4, dy=10, color="#222", text=f"ln {classes}")
    return alt.layer(
        rule, curve, named.encode(x=x, y=y), point.encode(x=x, y=y),
        text.encode(x=x, y=y, text="text:N"),
    ).properties(width=WIDTH, height=HEIGHT, title="Loss over all pictures")  # fmt: skip
