"""Pictures of recurrent networks: what one knows after each row, and what gradient arrives."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import numpy as np

from course.figures import COLOURS
from course.interactive import TOLD, Picture, constants, expressions, radio, select, slider

BLUE, ORANGE = COLOURS[:2]
SIDE = 280  # pixels, the side of a digit
SMALLEST = -12  # the power of ten below which a share counts as nothing


def row_by_row(
    pictures: np.ndarray, labels: np.ndarray, probabilities: Mapping[str, np.ndarray]
) -> Picture:
    """Return digits that appear row by row, with what networks answer after each row.

    Args:
        pictures: (n, rows, columns), from 0 to 1.
        labels: (n,), the digits that they show; more of them than pictures do no harm.
        probabilities: by the network's name, each (n, rows, 10).
    """
    rows, columns = pictures.shape[1:]
    chosen = choose(labels, probabilities)
    names = [f"{number}, a {labels[number]}{why}" for number, why in chosen.items()]
    numbers = list(chosen)
    networks = list(probabilities)
    shades = [np.round(pictures[number] * 9).astype(int).ravel().tolist() for number in numbers]
    values = {
        # One list for each digit, network and row
        "said": [
            [[[round(float(v), 3) for v in row] for row in given[number]] for given in
             probabilities.values()] for number in numbers
        ],
        "answers": [
            [given[number].argmax(-1).tolist() for given in probabilities.values()]
            for number in numbers
        ],
        "shades": ["".join(map(str, shade)) for shade in shades],
        "digits": [int(labels[number]) for number in numbers],
        "numbers": numbers,
        "names": names,
        "networks": networks,
    }  # fmt: skip
    controls = [
        slider("row", 1, rows, "Rows seen", value=rows // 2),
        select("digit", names, "Test picture"),
        radio("network", networks, "Network", value=networks[-1]),
    ]
    derived = {
        "which": "indexof(names, digit)",
        "now": "said[which][indexof(networks, network)][row - 1]",
        "answer": "answers[which][indexof(networks, network)][row - 1]",
        "right": "digits[which]",
        TOLD: f"'After ' + row + ' of {rows} rows of test picture ' + numbers[which] + ', a ' + right"
        " + ', ' + network + ' answers ' + answer + ', with a probability of '"
        " + format(now[answer], '.3f') + (answer == right ? ': right.' : ': wrong. To ' + right"
        " + ' it gives ' + format(now[right], '.3f') + '.')",
    }
    chart = alt.concat(_digit(rows, columns), _answers(), columns=2, spacing=30).add_params(
        *controls, *constants(values), *expressions(derived)
    )
    return Picture(
        chart,
        name="fig-row-by-row",
        caption="What a network knows after so many rows. Below the line it has seen nothing yet. "
        "Move the rows, and look for the row from which on the answer stays; then change the "
        "picture and the network.",
        alt="On the left the upper half of a handwritten digit above a line, the rest grey; on the "
        "right ten bars, the probability of each digit after these rows, with a mark at the right one.",
    )


def choose(
    labels: np.ndarray, probabilities: Mapping[str, np.ndarray], count: int = 8
) -> dict[int, str]:
    """Return numbers of pictures worth a look, each with why it was chosen.

    For each network the first picture that it gets wrong in the end, and the one for which its
    answer changes most often; the first pictures fill up the rest.

    Args:
        labels: (n,), the digits that they show.
        probabilities: by the network's name, each (n, rows, 10).
        count: how many numbers, where there are as many pictures.
    """
    reasons: dict[int, list[str]] = {}
    for network, given in probabilities.items():
        answers = given.argmax(-1)
        wrong = np.flatnonzero(answers[:, -1] != labels[: len(answers)])
        for number in wrong[:1]:
            reasons.setdefault(int(number), []).append(f"{network} wrong")
        changes = (answers[:, 1:] != answers[:, :-1]).sum(axis=1)
        most = int(changes.argmax())
        reasons.setdefault(most, []).append(f"{network} changes {_times(int(changes[most]))}")
    for number in range(len(given)):
        if len(reasons) >= count:
            break
        reasons.setdefault(number, [])
    return {
        number: f" ({', '.join(why)})" if why else "" for number, why in sorted(reasons.items())
    }


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _digit(rows: int, columns: int) -> alt.LayerChart:
    hidden = alt.Axis(labels=False, ticks=False, domain=False, grid=False, title=None)

    def place(field: str, upto: int) -> dict:
        return {"field": field, "type": "quantitative", "axis": hidden,
                "scale": alt.Scale(domain=[0, upto], nice=False, reverse=field == "y")}  # fmt: skip

    x, y = alt.X(**place("x", columns)), alt.Y(**place("y", rows))
    # Black is the ground, so that only pixels with ink are drawn, which are few
    pixels = (
        alt.Chart(alt.sequence(0, rows * columns, as_="at"))
        .transform_calculate(
            x=f"datum.at % {columns}",
            y=f"floor(datum.at / {columns})",
            shade="toNumber(substring(shades[which], datum.at, datum.at + 1))",
        )
        .transform_filter("datum.shade > 0 && datum.y < row")
        .transform_calculate(right="datum.x + 1.04", bottom="min(row, datum.y + 1.04)")
        .mark_rect()
        .encode(
            x=x,
            x2="right:Q",
            y=y,
            y2="bottom:Q",
            color=alt.Color(
                "shade:Q",
                scale=alt.Scale(domain=[0, 9], range=["#000000", "#ffffff"]),
                legend=None,
            ),
        )
    )
    ground = (
        alt.Chart(alt.sequence(0, 2, as_="unseen"))
        .transform_calculate(
            x="0",
            right=str(columns),
            y="datum.unseen ? row : 0",
            bottom=f"datum.unseen ? {rows} : row",
        )
        .mark_rect()
        .encode(
            x=x,
            x2="right:Q",
            y=y,
            y2="bottom:Q",
            color=alt.condition("datum.unseen", alt.value("#b9c4cc"), alt.value("#000000")),
        )
    )
    edge = (
        alt.Chart(alt.Data(values=[{}]))
        .transform_calculate(y="row")
        .mark_rule(color=ORANGE, strokeWidth=3)
        .encode(y=y)
    )
    return alt.layer(ground, pixels, edge).properties(
        width=SIDE, height=SIDE, title="What it has seen so far"
    )


def _answers() -> alt.LayerChart:
    base = (
        alt.Chart(
            alt.sequence(0, 10, as_="digit"), title="What it says (framed: most likely, ✓: right)"
        )
        .transform_calculate(
            said="now[datum.digit]",
            text="format(now[datum.digit], '.2f') + (datum.digit == right ? ' ✓' : '')",
        )
        .encode(y=alt.Y("digit:O", title="digit", axis=alt.Axis(ticks=False, domain=False)))
    )
    x = alt.X(
        "said:Q",
        title="probability",
        # Room for the number behind a full bar
        scale=alt.Scale(domain=[0, 1.25], nice=False),
        axis=alt.Axis(values=[0, 0.2, 0.4, 0.6, 0.8, 1], format=".1f", gridColor="#e4e4e4"),
    )
    bars = base.mark_bar().encode(
        x=x,
        color=alt.condition("datum.digit == right", alt.value(BLUE), alt.value("#9a9a9a")),
        stroke=alt.condition("datum.digit == answer", alt.value(ORANGE), alt.value("#ffffff00")),
        strokeWidth=alt.value(2),
    )
    text = base.mark_text(align="left", dx=5).encode(x=x, text="text:N")
    return alt.layer(bars, text).properties(width=SIDE, height=SIDE)


def fading(arrives: Mapping[tuple[str, str], np.ndarray], marked: int) -> Picture:
    """Return the unrolled network, with how much of the gradient arrives at each step.

    Args:
        arrives: by the network's name and a time, as `("LSTM", "after")`, the size of the
            loss's gradient at each step, from the first to the last.
        marked: how many steps before the last the marked symbol stands.
    """
    networks = list(dict.fromkeys(network for network, _ in arrives))
    times = list(dict.fromkeys(time for _, time in arrives))
    shares = {key: _shares(sizes) for key, sizes in arrives.items()}
    steps = len(next(iter(shares.values())))
    powers = np.log10(np.clip(np.concatenate(list(shares.values())), 10.0**SMALLEST, None))
    lowest, highest = int(np.floor(powers.min())) - 1, max(int(np.ceil(powers.max())), 0)
    values = {
        "shares": [
            [[float(f"{share:.4g}") for share in shares[network, time]] for time in times]
            for network in networks
        ],
        "networks": networks,
    }
    controls = [
        select("network", networks, "Network"),
        slider("back", 0, steps - 1, "Steps back", value=marked),
    ]
    arrived = " and ".join(
        f"' + {_number(f'of_network[{index}][back]')} + ' {time} training"
        for index, time in enumerate(times)
    )
    derived = {
        "of_network": "shares[indexof(networks, network)]",
        TOLD: f"network + ', ' + back + (back == 1 ? ' step' : ' steps') + ' before the last'"
        f" + (back == {marked} ? ' (the marked symbol)' : '') + ': of the gradient at the last step, "
        f"{arrived} arrives here.'",
    }
    parts = [
        _unrolled(time, index, steps, marked, lowest, highest) for index, time in enumerate(times)
    ]
    chart = alt.concat(*parts, columns=2, spacing=24).add_params(
        *controls, *constants(values), *expressions(derived)
    )
    return Picture(
        chart,
        name="fig-fading-gradient",
        caption="The unrolled network: a box is a step, and the loss stands at the right. Colour and "
        "bar say, on a logarithmic scale, how much of the gradient at the last step arrives there. "
        "Choose the network, and go back from the loss step by step.",
        alt="Two rows of boxes for the steps of a recurrent network, before training and after, each "
        "above bars on a logarithmic scale: the share of the last step's gradient that arrives at "
        "each step. One step is framed; a star marks that of the symbol to be remembered.",
    )


def _shares(sizes: np.ndarray) -> np.ndarray:
    """Return the sizes from the last step to the first, as shares of the last one's."""
    sizes = np.asarray(sizes, dtype=float)[::-1]
    return sizes / sizes[0] if sizes[0] > 0 else np.zeros(len(sizes))


def _number(share: str) -> str:
    """Return an expression of the text for a share: plain if it is not tiny."""
    return f"format({share}, {share} < 0.001 ? '.1e' : '.2r')"


def _ticks(lowest: int, highest: int) -> range:
    """Return powers of ten from the highest on, few enough to read."""
    return range(highest, lowest - 1, -max(1, round((highest - lowest) / 6)))


def _unrolled(
    time: str, index: int, steps: int, marked: int, lowest: int, highest: int
) -> alt.LayerChart:
    height, box, above = 230, 30, 24  # pixels
    below = height - above - box - 12  # the bars' share
    top = highest + (highest - lowest) * (height - below) / below
    base = (
        alt.Chart(alt.sequence(0, steps, as_="back"), title=f"{time.capitalize()} training")
        .transform_calculate(share=f"of_network[{index}][datum.back]")
        .transform_calculate(
            # Bars end at the lowest line, also where nothing arrives
            power=f"max({lowest}, log(max(datum.share, 1e-300)) / LN10)",
            floor=str(lowest),
            chosen="datum.back == back",
        )
        .encode(
            x=alt.X(
                "back:O",
                sort="descending",
                title="steps before the last",
                scale=alt.Scale(paddingInner=0.15),
                axis=alt.Axis(
                    labelAngle=0,
                    values=list(range(0, steps, max(1, -(-steps // 8)))),
                    domain=False,
                    ticks=False,
                ),
            )
        )
        .properties(width=270, height=height)
    )
    chosen = alt.condition("datum.chosen", alt.value(ORANGE), alt.value("#666666"))
    thick = alt.condition("datum.chosen", alt.value(3), alt.value(0.5))
    colour = alt.Color(
        "power:Q",
        scale=alt.Scale(domain=[lowest, highest], range=["#ffffff", "#08306b"]),
        legend=None,
    )
    y = alt.Y(
        "power:Q",
        title="share of the gradient",
        scale=alt.Scale(domain=[lowest, top], nice=False, zero=False),
        axis=alt.Axis(
            values=list(_ticks(lowest, highest)),
            labelExpr="datum.value == 0 ? '1' : '1e' + format(datum.value, 'd')",
            gridColor="#e4e4e4",
            domain=False,
        ),
    )
    fixed = {"color": colour, "stroke": chosen, "strokeWidth": thick}
    bars = base.mark_bar().encode(y=y, y2="floor:Q", **fixed)
    boxes = base.mark_bar(cornerRadius=2, y=above, y2=above + box).encode(**fixed)
    star = (
        base.transform_filter(f"datum.back == {marked}")
        .mark_text(text="★", y=12)
        .encode(color=alt.value("#222"))
    )
    # The way of the gradient, from the loss back
    loss = base.transform_filter("datum.back == 0").mark_text(
        text="loss ◂", align="right", dx=8, y=12, color="#222"
    )
    return alt.layer(bars, boxes, star, loss)
