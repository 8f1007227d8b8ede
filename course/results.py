"""The page of results: each run with its time, memory and values, and what was expected of it.

All of it is made from the records that runs leave; nothing is typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from course import checks, trend
from course.catalogue import name as name_of
from course.checks import Expectations, Judged, Spread
from course.ledger import shown
from course.runs import Record

PICTURE = "book/_static/trend.svg"  # where the page looks for its plot


def results_page(
    records: Iterable[Record], chapters: Sequence[Path], committed: Sequence[Record] = ()
) -> str:
    """Return the runs as Markdown: at a glance, against the documents' times, their trend, each.

    Args:
        records: the runs of this book and the committed ones, the preferred ones first.
        chapters: the notebooks, for what is expected of them.
        committed: the records for the trend; there is no plot without any.
    """
    known = {
        name_of(path): (checks.load(path), checks.load_spreads(path))
        for path in chapters
        if path.exists()
    }
    # A kept run may be this one; and a chapter may be gone
    once = {(r.notebook, r.profile, r.started): r for r in records if r.notebook in known}
    committed = [record for record in committed if record.notebook in known]
    newest: dict[tuple[str, str, bool], Record] = {}
    for record in once.values():
        newest.setdefault((record.notebook, record.profile, record.real_data), record)
    runs = sorted(newest.values(), key=lambda record: record.notebook)
    judged = [_judged(run, *known.get(run.notebook, _NOTHING)) for run in runs]
    expectations = {name: expected for name, (expected, _) in known.items()}
    parts = [
        _glance(runs, judged),
        _documents_times(runs, expectations),
        _trend(committed, main_values(expectations)),
        "## Each run",
        *map(_details, runs, judged),
    ]
    return "\n\n".join(part for part in parts if part)


_NOTHING = (Expectations(), {})


def _judged(record: Record, expectations: Expectations, spreads: dict[str, Spread]) -> list[Judged]:
    limits = expectations.limits[record.profile]
    found = checks.judge(expectations, spreads, record.profile, record.real_data, record.metrics)
    if used := record.peak_memory_mib:
        told = f"at most {limits.memory_mib:,.0f} MiB"
        found.append(Judged("memory", told, used <= limits.memory_mib))
    told = f"at most {limits.seconds:,.0f} s"
    return [*found, Judged("time", told, record.seconds <= limits.seconds)]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return ":::{table}\n:class: results\n\n" + "\n".join(lines) + "\n:::"


def _link(record: Record) -> str:
    """Return a link to the chapter: its number, which fits on a phone, if its name has one."""
    number = record.notebook.partition("_")[0]
    told = number if number.isdigit() else record.notebook
    return f"[{told}](../notebooks/{record.notebook}.ipynb)"


def _date(record: Record) -> str:
    return record.started[:10].replace("-", "\N{NON-BREAKING HYPHEN}")


def _data(record: Record) -> str:
    if not record.data:
        return "no"
    return "real" if record.real_data else "stand-in"


def _glance(runs: Sequence[Record], judged: Sequence[list[Judged]]) -> str:
    rows = []
    for run, results in zip(runs, judged, strict=True):
        held = f"{sum(one.good for one in results)} of {len(results)} hold"
        rows.append(
            (
                _link(run),
                run.profile,
                _date(run),
                _data(run),
                f"{run.seconds:,.0f} s",
                f"{shown(run.peak_memory_mib)} MiB",
                held if run.status == "passed" else run.status,
            )
        )
    head = ("Chapter", "Profile", "Date", "Data", "Time", "Memory", "Checks")
    return "## At a glance\n\n" + _table(head, rows)


def _documents_times(runs: Sequence[Record], expectations: Mapping[str, Expectations]) -> str:
    """Return the documents' times beside ours; nothing where no run can be compared."""
    rows = []
    for run in runs:
        for timing in expectations.get(run.notebook, Expectations()).times:
            ours = run.metrics.get(timing.metric)
            if run.profile in timing.profiles and run.real_data and checks.is_number(ours):
                times = f"{ours / timing.document:.2g} times" if ours else "–"
                rows.append(
                    (
                        _link(run),
                        timing.what,
                        f"{timing.document:g} s",
                        f"{ours:.0f} s",
                        times,
                        run.device or "–",
                    )
                )
    if not rows:
        return ""
    head = ("Chapter", "What", "The document", "Ours", "Ratio", "Our device")
    return "## The documents' times and ours\n\n" + _table(head, rows)


def main_values(expectations: Mapping[str, Expectations]) -> dict[str, str]:
    """Return for each notebook the name of its main value: the first that has a band."""
    found = {}
    for name, expected in expectations.items():
        bands = [one.metric for one in expected.expect if "band" in one.check]
        found |= {name: bands[0]} if bands else {}
    return found


def _trend(committed: Sequence[Record], main: Mapping[str, str]) -> str:
    if not committed:
        return ""
    rows = [
        (
            _link(run),
            run.profile,
            run.started[:16].replace("T", " "),
            f"{run.seconds:,.0f} s",
            f"{main.get(run.notebook, '')} {shown(run.metrics.get(main.get(run.notebook, '')))}",
        )
        for run in sorted(committed, key=lambda run: (run.notebook, run.started))
    ]
    head = ("Chapter", "Profile", "Started (UTC)", "Time", "Main value")
    return (
        "## Over time\n\n"
        "Each point is a run that we keep as a record: left its time, right its main value.\n\n"
        f"```{{figure}} _static/{Path(PICTURE).name}\n"
        f":alt: {trend.alternative(committed)}\n"
        ":name: results-trend\n\n"
        "The runs that are kept, by date.\n```\n\n"
        f"::::{{dropdown}} The numbers of the plot\n{_table(head, rows)}\n::::"
    )


def _details(record: Record, judged: Sequence[Judged]) -> str:
    facts = {
        "Started": record.started.replace("T", " ").replace("+00:00", " UTC"),
        "Result": record.status,
        "Wall time": f"{record.seconds:,.0f} s",
        "Peak memory": f"{shown(record.peak_memory_mib)} MiB",
        "Device": record.device or "–",
        "Kernel": record.kernel,
        "Data": "; ".join(source["description"] for source in record.data) or "none",
        "Versions": ", ".join(
            f"{name} {number}"
            for name, number in {"Python": record.python, **record.packages}.items()
        ),
    }
    values = record.metrics | {"memory": record.peak_memory_mib, "time": record.seconds}
    checked = [
        (
            f"`{one.metric}`",
            shown(values.get(one.metric)),
            one.expected.removeprefix("expected "),
            "yes" if one.good else "**no**",
        )
        for one in judged
    ]
    every = [(f"`{name}`", shown(value)) for name, value in sorted(record.metrics.items())]
    return (
        f"### {record.notebook}, {record.profile}, {_data(record)} data\n\n"
        f"{_table(('Run', ''), facts.items())}\n\n"
        f"{_table(('Value', 'Measured', 'Expected', 'Holds'), checked)}\n\n"
        f"::::{{dropdown}} All {len(record.metrics)} values of this run\n"
        f"{_table(('Value', 'Measured'), every)}\n::::"
    )
