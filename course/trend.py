"""A plot of the runs that are kept as records, by date."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from course.checks import is_number
from course.runs import Record

MARKS = {"smoke": "^", "quick": "s", "full": "o"}  # for each profile


def draw(records: Sequence[Record], main: Mapping[str, str]) -> bytes:
    """Draw time and main value of the runs by date, a row for each notebook.

    Args:
        records: the runs.
        main: for each notebook the name of its main value; it may have none.

    Returns:
        An SVG picture, the same bytes for the same records.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    from course.figures import COLOURS

    names = sorted({record.notebook for record in records})
    colours = dict(zip(MARKS, COLOURS, strict=False))
    with mpl.rc_context({"svg.hashsalt": "trend", "font.size": 8}):
        figure = Figure(figsize=(6, 1.5 * len(names) + 0.4), layout="constrained")
        figure.set_facecolor("white")  # legible on dark pages too
        FigureCanvasSVG(figure)
        axes = figure.subplots(len(names), 2, squeeze=False)
        lines = {}
        for (time, quality), name in zip(axes, names, strict=True):
            runs = sorted((r for r in records if r.notebook == name), key=lambda r: r.started)
            for profile in [profile for profile in MARKS if profile in {r.profile for r in runs}]:
                some = [run for run in runs if run.profile == profile]
                dates = [datetime.fromisoformat(run.started) for run in some]
                style: dict[str, Any] = {"marker": MARKS[profile], "color": colours[profile]}
                (lines[profile],) = time.plot(dates, [run.seconds for run in some], **style)
                kept = [run.metrics.get(main.get(name, "")) for run in some]
                kept = [value if is_number(value) else float("nan") for value in kept]
                quality.plot(dates, kept, **style)
                quality.margins(x=0.15)
                time.margins(x=0.15)
            time.set(ylabel="time in s", ylim=(0, 1.15 * max(run.seconds for run in runs)))
            time.set_title(name, loc="left", fontsize=8)
            quality.set_title(main.get(name, ""), loc="left", fontsize=8)
            dates = [datetime.fromisoformat(run.started) for run in runs]
            for axis in (time, quality):
                if len(set(dates)) == 1:
                    axis.set_xlim(dates[0] - timedelta(days=1), dates[0] + timedelta(days=1))
                _style(axis)
        for axis in axes[-1]:
            axis.set_xlabel("date")
        figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=len(lines))
        picture = io.BytesIO()
        figure.savefig(picture, format="svg", metadata={"Date": None})
    return picture.getvalue()


def _style(axis: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=2, maxticks=4)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=True))
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)


def alternative(records: Sequence[Record]) -> str:
    """Return what the plot shows, in words, for readers who can't see it."""
    told = []
    for name in sorted({record.notebook for record in records}):
        times = [record.seconds for record in records if record.notebook == name]
        several = f"{len(times)} runs of {min(times):.0f} to {max(times):.0f} s"
        told.append(f"{name}, {several if len(times) > 1 else f'one run of {times[0]:.0f} s'}")
    return f"Time and main value by date, a row for each notebook: {'; '.join(told)}."
