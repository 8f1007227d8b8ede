"""What a run must reach: expectations beside a notebook, and bands from runs with several seeds.

Beside `notebooks/NAME.ipynb` may stand `NAME.checks.yml`:

    limits:                       # of a run; where one is missing, that of the profile holds
      quick: {seconds: 200, memory_mib: 2500}
    expect:                       # of the values that the notebook keeps
      - {metric: parameters, exact: 93322}
      - {metric: test_accuracy, at_least: 0.98, profiles: [full], real_data: true}
      - {metric: loss, band: seeds}
    times:                        # that the document prints, in seconds, beside ours
      - {what: five epochs, document: 66, metric: fit_seconds, profiles: [full]}

A band of seeds is computed from `NAME.spread.json`, which `course check --seeds N --keep` writes.
A notebook without these files is checked too: it must run within the limits of its profile.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from course.files import write_atomically
from course.profiles import PROFILES

CONFIDENCE = 0.999  # of a band: one healthy run in a thousand lies outside
FEWEST = 5  # seeds that make a band
SECTIONS = {"limits", "expect", "times"}


class CheckError(Exception):
    """Expectations or spreads that can't be used; the message names the file and the mend."""


@dataclass(frozen=True)
class Limits:
    """What a run may use.

    Attributes:
        seconds: of wall time.
        memory_mib: of papermill and the kernel with all that it started, or of the kernel alone as
            it says itself, whichever is more.
    """

    seconds: float
    memory_mib: float


DEFAULT = {
    "smoke": Limits(600, 4096),
    "quick": Limits(900, 6144),
    "full": Limits(4 * 3600, 12288),
}


@dataclass(frozen=True)
class Expectation:
    """What one value that a notebook keeps must be.

    Attributes:
        metric: its name.
        check: `{"exact": ...}`, `{"within": [value, tolerance]}`, `{"at_least": ...}` as in the
            ledger, or `{"band": "seeds"}`.
        profiles: in which it is checked.
        real_data: only in runs on real data.
    """

    metric: str
    check: dict[str, Any]
    profiles: tuple[str, ...] = PROFILES
    real_data: bool = False


@dataclass(frozen=True)
class Timing:
    """A time that the document prints.

    Attributes:
        what: takes so long, in words.
        document: its seconds.
        metric: under which the notebook keeps ours.
        profiles: in which the two can be compared.
    """

    what: str
    document: float
    metric: str
    profiles: tuple[str, ...] = PROFILES


@dataclass(frozen=True)
class Expectations:
    """All that is expected of a notebook, and the times of its document."""

    limits: Mapping[str, Limits] = field(default_factory=lambda: DEFAULT)
    expect: tuple[Expectation, ...] = ()
    times: tuple[Timing, ...] = ()


@dataclass(frozen=True)
class Judged:
    """What a run did of what is expected.

    Attributes:
        metric: the value's name.
        expected: in words.
        good: whether it is so.
        fault: what is wrong, or None.
    """

    metric: str
    expected: str
    good: bool
    fault: str | None = None


@dataclass(frozen=True)
class Spread:
    """Values of runs that differ only in their seeds.

    Attributes:
        made: the date of the runs.
        seeds: what their seeds were shifted by.
        metrics: for each name the values, in the order of the seeds.
    """

    made: str
    seeds: tuple[int, ...]
    metrics: Mapping[str, tuple[float, ...]]


def load(notebook: Path) -> Expectations:
    """Read what is expected of a notebook.

    Raises:
        CheckError: the file beside it can't be used.
    """
    path = notebook.with_suffix(".checks.yml")
    if not path.exists():
        return Expectations()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise CheckError(f"{path}, line {line}: not YAML, {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CheckError(f"{path}: not YAML in UTF-8 ({error})") from None
    if not isinstance(content, dict) or (unknown := sorted(content.keys() - SECTIONS)):
        what = f"{unknown[0]!r} is none of" if isinstance(content, dict) else "give"
        raise CheckError(f"{path}: {what} `limits`, `expect` and `times`")
    rows, times = content.get("expect") or [], content.get("times") or []
    given = content.get("limits") or {}
    lists = isinstance(rows, list) and isinstance(times, list)
    if not lists or not isinstance(given, dict):
        raise CheckError(
            f"{path}: `limits` is a mapping of profiles, `expect` and `times` are lists"
        )
    limits = dict(DEFAULT)
    for profile, numbers in given.items():
        name = _profile(path, profile)
        limits[name] = _limits(path, name, numbers)
    return Expectations(
        limits,
        tuple(_expectation(path, row) for row in rows),
        tuple(_timing(path, row) for row in times),
    )


def _profile(path: Path, name: Any) -> str:
    if name not in PROFILES:
        raise CheckError(f"{path}: profile {name!r} is none of {', '.join(PROFILES)}")
    return name


def _limits(path: Path, profile: str, given: Any) -> Limits:
    names = {"seconds", "memory_mib"}
    good = isinstance(given, dict) and given.keys() <= names
    if not good or not all(is_number(value) and value > 0 for value in given.values()):
        raise CheckError(f"{path}: limits of {profile} are {{seconds: N, memory_mib: N}}")
    return Limits(**(vars(DEFAULT[profile]) | given))


def _expectation(path: Path, row: Any) -> Expectation:
    if not isinstance(row, dict) or not isinstance(row.get("metric"), str):
        raise CheckError(f"{path}: {row!r} is no expectation; begin with metric: NAME")
    rest = dict(row)
    metric = rest.pop("metric")
    profiles = _profiles(path, metric, rest.pop("profiles", PROFILES))
    real = rest.pop("real_data", False)
    if rest != {"band": "seeds"} and not is_check(rest):
        raise CheckError(
            f"{path}: {metric}: give one of exact: VALUE, within: [NUMBER, NUMBER], "
            "at_least: NUMBER, band: seeds"
        )
    return Expectation(metric, rest, profiles, bool(real))


def _profiles(path: Path, metric: str, named: Any) -> tuple[str, ...]:
    if not isinstance(named, list | tuple) or not named:
        raise CheckError(f"{path}: {metric}: profiles is a list, such as [quick, full]")
    return tuple(_profile(path, name) for name in named)


def _timing(path: Path, row: Any) -> Timing:
    needed = {"what", "document", "metric"}
    if not isinstance(row, dict) or not needed <= row.keys() <= needed | {"profiles"}:
        raise CheckError(f"{path}: {row!r} is no time; give what, document, metric, and profiles")
    if not is_number(row["document"]) or row["document"] <= 0:
        raise CheckError(f"{path}: {row['metric']}: document is a number of seconds")
    profiles = _profiles(path, row["metric"], row.get("profiles", PROFILES))
    return Timing(str(row["what"]), row["document"], row["metric"], profiles)


def is_check(check: Any) -> bool:
    """Tell whether this is a check: exact, within or at_least, with what that needs."""
    match check:
        case {"exact": _, **rest} if not rest:
            return True
        case {"within": [value, tolerance], **rest} if not rest:
            return _real(value) and _real(tolerance)
        case {"at_least": value, **rest} if not rest:
            return _real(value)
    return False


def holds(check: dict[str, Any], ours: Any) -> bool:
    """Tell whether our value passes a check; shapes may be lists or tuples."""
    [(kind, expected)] = check.items()
    if kind == "exact":
        # True is not 1 here, and a list may be a tuple
        return type(_plain(ours)) is type(_plain(expected)) and _plain(ours) == _plain(expected)
    if not _real(ours):
        return False
    if kind == "within":
        value, tolerance = expected
        return abs(ours - value) <= tolerance
    return ours >= expected


def _real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number, and no truth value."""
    return _real(value) and math.isfinite(value)


def kind(profile: str, real_data: bool) -> str:
    """Return the name under which a spread is kept: the profile, and what data was read."""
    return f"{profile}, {'real' if real_data else 'stand-in'} data"


def spread_file(notebook: Path) -> Path:
    """Return where the spreads of a notebook are kept."""
    return notebook.with_suffix(".spread.json")


def load_spreads(notebook: Path) -> dict[str, Spread]:
    """Return the measured spreads of a notebook, by `kind`.

    Raises:
        CheckError: the file can't be read.
    """
    path = spread_file(notebook)
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: Spread(
                one["made"],
                tuple(one["seeds"]),
                {metric: tuple(map(float, values)) for metric, values in one["metrics"].items()},
            )
            for name, one in content.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckError(
            f"{path}: can't be read ({error!r}); make it again by `course check --seeds 5 --keep`"
        ) from None


def keep_spread(notebook: Path, name: str, spread: Spread) -> None:
    """Keep a measured spread, in the place of an older one of the same `kind`."""
    kept = load_spreads(notebook) | {name: spread}
    content = {
        name: {"made": one.made, "seeds": one.seeds, "metrics": dict(one.metrics)}
        for name, one in sorted(kept.items())
    }
    lines = json.dumps(content, indent=1)
    write_atomically(spread_file(notebook), lines + "\n")


def spread_of(made: str, seeds: Sequence[int], runs: Sequence[Mapping[str, Any]]) -> Spread:
    """Return the spread of the numbers that all runs kept and that are not the same in all.

    Args:
        made: the date of the runs.
        seeds: what their seeds were shifted by.
        runs: what each kept.
    """
    names = [name for name in runs[0] if all(is_number(run.get(name)) for run in runs)]
    values = {name: tuple(float(run[name]) for run in runs) for name in names}
    return Spread(made, tuple(seeds), {n: v for n, v in values.items() if min(v) < max(v)})


def band(values: Sequence[float]) -> tuple[float, float]:
    """Return where the value of one more run lies with probability `CONFIDENCE`.

    It is the prediction interval of a normal distribution whose mean and variance are estimated
    from the values: mean ± t s √(1 + 1/n), with t of n − 1 degrees of freedom. See G. J. Hahn and
    W. Q. Meeker, Statistical Intervals (Wiley, 1991), section 4.7.

    Raises:
        ValueError: there are fewer than `FEWEST` values.
    """
    from scipy import stats

    if len(values) < FEWEST:
        raise ValueError(f"a band needs at least {FEWEST} values")
    n = len(values)
    mean = math.fsum(values) / n
    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * math.sqrt(variance * (1 + 1 / n))
    return mean - half, mean + half


def faults(notebook: Path, record: Any) -> list[str]:
    """Return what is wrong with a run of a notebook, a line for each; none if it passes.

    Args:
        notebook: the file.
        record: the `course.runs.Record` of its run.

    Raises:
        CheckError: what is expected of it can't be read.
    """
    if record.status != "passed":
        cell, _, error = (record.failure or "no reason is known").partition(":\n")
        told = [line for line in error.splitlines() if not line.startswith("    ")]
        return [f"{cell}: {told[0]}" if told else cell]
    expectations, found = load(notebook), []
    limits = expectations.limits[record.profile]
    if (record.peak_memory_mib or 0) > limits.memory_mib:
        found.append(f"memory = {record.peak_memory_mib} MiB, limit {limits.memory_mib:g} MiB")
    if record.seconds > limits.seconds:
        found.append(f"time = {record.seconds:.0f} s, limit {limits.seconds:g} s")
    spreads = load_spreads(notebook)
    results = judge(expectations, spreads, record.profile, record.real_data, record.metrics)
    return found + [one.fault for one in results if one.fault]


def judge(
    expectations: Expectations,
    spreads: Mapping[str, Spread],
    profile: str,
    real_data: bool,
    metrics: Mapping[str, Any],
) -> list[Judged]:
    """Return for each expectation what a run did of it.

    An expectation of another profile, or of real data where there was none, is left out, and so
    is a band that has not been measured.

    Args:
        expectations: of the notebook.
        spreads: its measured spreads.
        profile: of the run.
        real_data: whether all its data was real.
        metrics: what it kept.
    """
    found = []
    for one in expectations.expect:
        if profile not in one.profiles or (one.real_data and not real_data):
            continue
        name = one.metric
        if "band" in one.check:
            spread = spreads.get(kind(profile, real_data))
            if spread is None:
                continue
            values = spread.metrics.get(name, ())
            if len(values) < FEWEST:
                fault = (
                    f"{name} has no band: it was no number or the same in all "
                    f"{len(spread.seeds)} seeds, or these are too few; give exact: or within:"
                )
                found.append(Judged(name, "a band", False, fault))
                continue
            low, high = band(values)
            expected = f"band of {len(values)} seeds {low:.4g} to {high:.4g}"
            good = is_number(metrics.get(name)) and low <= metrics[name] <= high
        else:
            [(what, wanted)] = one.check.items()
            expected = f"expected {_told(what, wanted)}"
            good = name in metrics and holds(one.check, metrics[name])
        fault = None
        if name not in metrics:
            fault = f"{name} is missing: the notebook did not keep it"
        elif not good:
            fault = f"{name} = {metrics[name]}, {expected}"
        found.append(Judged(name, expected, good, fault))
    return found


def _told(what: str, wanted: Any) -> str:
    if what == "within":
        return f"{wanted[0]} ± {wanted[1]}"
    return f"at least {wanted}" if what == "at_least" else f"{wanted}"
