"""Pictures of what a loss says about an answer, and where its gradient pushes the logits."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from course.figures import COLOURS
from course.interactive import TOLD, Picture, constants, expressions, radio, slider

BLUE, ORANGE = COLOURS[:2]
GREY = "#9a9a9a"
HEIGHT = 200  # pixels
CLASSES = "first", "second", "third"
FURTHEST = 5  # a logit lies from -5 to 5
ADDED = 120  # at most, to all logits: beyond both ends of the powers of 32 bits
LARGEST_POWER, SMALLEST_POWER = 88.72, -103.97  # of e, in 32 bits: beyond are infinity and zero


def logits(start: Sequence[float], true: int) -> Picture:
    """Return softmax, cross-entropy and gradient of three logits that the reader sets.

    The same number can be added to all logits. The steps of that slider keep away from where
    powers of 32 bits lose digits, so that the loss in two steps is right or not a number.

    Args:
        start: three logits, from -5 to 5.
        true: the index of the true class at first.
    """
    controls = [
        *(
            slider(name, -FURTHEST, FURTHEST, f"{name.capitalize()} logit", float(value), step=0.5)
            for name, value in zip(CLASSES, start, strict=True)
        ),
        slider("added", -ADDED, ADDED, "Added to all", value=0, step=40),
        radio("truth", CLASSES, "True class", value=CLASSES[true]),
    ]
    derived = {
        "t": "indexof(classes, truth)",
        "z": f"[{', '.join(f'{name} + added' for name in CLASSES)}]",
        "m": "max(z[0], z[1], z[2])",
        "total": " + ".join(f"exp(z[{i}] - m)" for i in range(3)),
        "p": f"[{', '.join(f'exp(z[{i}] - m) / total' for i in range(3))}]",
        "gradient": f"[{', '.join(f'p[{i}] - (t == {i} ? 1 : 0)' for i in range(3))}]",
        "loss": "m - z[t] + log(total)",
        "sum": "gradient[0] + gradient[1] + gradient[2]",
        "two_steps": f"m > {LARGEST_POWER} || m < {SMALLEST_POWER} ? 'not a number' : 'the same'",
        TOLD: "'The ' + truth + ' class is the true one, and has the probability ' + "
        "format(p[t], p[t] < 0.001 ? '.1e' : '.3f') + ': the loss is ' + format(loss, '.3f') + ' nats; in two steps of 32"
        " bits it is ' + two_steps + '. The gradient is ' + format(gradient[0], '.3f') + ', ' + "
        "format(gradient[1], '.3f') + ' and ' + format(gradient[2], '.3f') + ', together '"
        " + (abs(sum) < 1e-9 ? '0' : format(sum, '.3f')) + '.'",
    }
    chart = alt.concat(_probabilities(), _gradient(), _loss(), columns=3, spacing=20)
    return Picture(
        chart.add_params(*controls, *constants({"classes": CLASSES}), *expressions(derived)),
        name="fig-logits",
        caption="Three logits z, their probabilities p, the gradient p − y of the loss, and the "
        "loss. A step against the gradient raises the logit where it is negative, and lowers the "
        "others. Move one logit, then add a number to all; look for "
        "the answer that costs most.",
        alt="Left three bars, the probabilities of three classes with their logits, the true class "
        "ticked; in the middle three bars of the gradient, to the left of zero for the true class "
        "and to the right for the others; on the right the loss, a curve that climbs steeply where "
        "the true class's probability is near zero, with a mark at the present loss.",
    )


def _by_class(title: str) -> alt.Chart:
    return (
        alt.Chart(alt.sequence(0, 3, as_="place"), title=title)
        .encode(
            y=alt.Y("place:O", title=None, axis=alt.Axis(
                labelExpr="[classes[datum.value] + (datum.value == t ? ' ✓' : ''),"
                " 'z = ' + format(z[datum.value], '.1f')]",
                ticks=False, domain=False, labelPadding=8,
                # Room for the longest number, as nothing moves when a label grows
                minExtent=84,
            )),
            color=alt.condition("datum.place == t", alt.value(BLUE), alt.value(GREY)),
        )
        .properties(width=160, height=HEIGHT)
    )  # fmt: skip


def _probabilities() -> alt.LayerChart:
    base = _by_class("Probabilities p (✓: true)").transform_calculate(
        p="p[datum.place]", text="format(p[datum.place], '.3f')"
    )
    x = alt.X(
        "p:Q",
        title="probability",
        # Room for the number behind a full bar
        scale=alt.Scale(domain=[0, 1.35], nice=False),
        axis=alt.Axis(values=[0, 0.5, 1], format=".1f", gridColor="#e4e4e4"),
    )
    text = base.mark_text(align="left", dx=5).encode(x=x, text="text:N", color=alt.value("#222"))
    return alt.layer(base.mark_bar(height=30).encode(x=x), text)


def _gradient() -> alt.LayerChart:
    base = _by_class("Gradient p − y").transform_calculate(
        slope="gradient[datum.place]",
        start="0",
        text="format(gradient[datum.place], '.3f')",
    )
    x = alt.X(
        "slope:Q",
        title="slope of the loss (nats per unit)",
        scale=alt.Scale(domain=[-1, 1], nice=False),
        axis=alt.Axis(values=[-1, -0.5, 0, 0.5, 1], format=".1f", gridColor="#e4e4e4"),
    )
    bars = base.mark_bar(height=30).encode(x=x, x2="start:Q")
    # The number stands on the other side of zero, where there is always room
    negative = "datum.place == t"
    texts = [
        base.transform_filter(where)
        .mark_text(align=align, dx=dx)
        .encode(x=alt.X("start:Q"), text="text:N", color=alt.value("#222"))
        for where, align, dx in ((negative, "left", 5), (f"!({negative})", "right", -5))
    ]
    zero = (
        alt.Chart(alt.Data(values=[{"slope": 0}]))
        .mark_rule(color="#222")
        .encode(x=x)
    )  # fmt: skip
    return alt.layer(bars, *texts, zero)


def _loss() -> alt.LayerChart:
    x = alt.X(
        "p:Q",
        title="probability of the true class",
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(values=[0, 0.5, 1], format=".1f", grid=False),
    )
    y = alt.Y(
        "loss:Q",
        title="loss (nats)",
        scale=alt.Scale(domain=[0, 11], nice=False),
        axis=alt.Axis(gridColor="#e4e4e4", values=[0, 2, 4, 6, 8, 10]),
    )
    # By the loss, as the curve is steepest where the probability is small
    curve = (
        alt.Chart(alt.sequence(0, 111, as_="tenths"), title="Loss −ln p of the true class")
        .transform_calculate(loss="datum.tenths / 10", p="exp(-datum.tenths / 10)")
        .mark_line(color=BLUE)
        .encode(x=x, y=y)
    )
    now = alt.Chart(alt.Data(values=[{}])).transform_calculate(
        p="p[t]", loss="loss", text="format(loss, '.3f')"
    )
    point = now.mark_point(filled=True, size=110, color=ORANGE, shape="diamond", opacity=1)
    # Near the right edge the number stands on the left of its point
    text = now.mark_text(
        dy={"expr": "loss > 9.5 ? 0 : -12"},
        align={"expr": "p[t] > 0.7 ? 'right' : 'left'"},
        dx={"expr": "p[t] > 0.7 ? 6 : 10"},
        color="#222",
    )
    return alt.layer(
        curve, point.encode(x=x, y=y), text.encode(x=x, y=y, text="text:N")
    ).properties(width=160, height=HEIGHT)  # fmt: skip
