"""The reproduction ledger: every claim of a document that can be checked, and its verdict.

The claims of a document stand in `book/ledger/NOTEBOOK.yml`, named after the chapter that checks
them. A claim names a metric that the chapter glues; the verdict comes from a run, never from the
file: the file says only which verdict the claim earns if its check holds.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from course.checks import holds, is_check
from course.profiles import PROFILES
from course.runs import Record

REPRODUCED = "reproduced"
DIFFERENTLY = "reproduced differently"
WRONG = "wrong in the document"
VERDICTS = (REPRODUCED, DIFFERENTLY, WRONG)


class LedgerError(Exception):
    """A ledger that can't be used; the message names the file, the claim and the mend."""


@dataclass(frozen=True)
class Claim:
    """One claim of a document.

    Attributes:
        id: its name, unique in the file.
        says: what the document says, in our words.
        seed: the value that the document gives, or a short text.
        metric: the name under which the chapter glues our value.
        verdict: what the claim earns if its check holds, one of `VERDICTS`.
        check: one of `exact: VALUE`, `within: [VALUE, TOLERANCE]`, `at_least: VALUE`; by default
            `exact` with the document's own value.
        profile: the profile whose run decides, or "any".
        real_data: whether only a run on real data decides.
        why: the reason, where the verdict is not "reproduced".
        section: the chapter's heading, as in a link, where the claim is checked.
        quote: the few words of the document that an erratum is about.
        mend: what is right, where the document is wrong or out of date.
        ours: a few words around our value, with `{}` in its place.
    """

    id: str
    says: str
    seed: Any
    metric: str
    verdict: str
    section: str
    check: dict[str, Any]
    profile: str = "any"
    real_data: bool = False
    why: str = ""
    quote: str = ""
    mend: str = ""
    ours: str = "{}"


@dataclass(frozen=True)
class Ledger:
    """The claims of one document."""

    notebook: str
    title: str
    about: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class Judgement:
    """What a run says of a claim.

    `verdict` is the claim's own if the check holds, "not reproduced" if it does not, and None if
    no run could decide; `reason` then says why.
    """

    claim: Claim
    ours: Any
    verdict: str | None
    reason: str
    record: Record | None


def load(path: Path) -> Ledger:
    """Read the ledger of one document.

    Raises:
        LedgerError: the file is not YAML, or a claim lacks a field, has an unknown one, an unknown
            verdict or check, or gives no reason for a verdict other than "reproduced".
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        rows = content["claims"]
        title, about = content["title"], content["about"]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise LedgerError(f"{path}, line {line}: not YAML, {error.problem}") from None
    except (KeyError, TypeError) as error:
        raise LedgerError(f"{path}: needs title, about and claims ({error})") from None
    if not isinstance(rows, list) or not rows:
        raise LedgerError(f"{path}: claims must be a list of at least one claim")
    claims = tuple(_claim(path, row) for row in rows)
    names = [claim.id for claim in claims]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise LedgerError(f"{path}: claim {twice[0]!r} stands there twice; rename one")
    return Ledger(path.stem, title, about, claims)


def load_all(folder: Path) -> list[Ledger]:
    """Read the ledgers of all documents, in order of their chapters."""
    return [load(path) for path in sorted(folder.glob("*.yml"))]


def _claim(path: Path, row: dict[str, Any]) -> Claim:
    name = row.get("id", "without id") if isinstance(row, dict) else row
    wrong = f"{path}: claim {name!r}: "
    try:
        claim = Claim(**({"check": {"exact": row.get("seed")}} | row))
    except (TypeError, AttributeError) as error:
        raise LedgerError(f"{wrong}{error}") from None
    if claim.verdict not in VERDICTS:
        raise LedgerError(f"{wrong}verdict {claim.verdict!r} is none of {', '.join(VERDICTS)}")
    if not is_check(claim.check):
        raise LedgerError(
            f"{wrong}check must be one of exact: VALUE, within: [NUMBER, NUMBER], at_least: NUMBER"
        )
    if claim.profile not in ("any", *PROFILES):
        raise LedgerError(f"{wrong}profile {claim.profile!r} is none of any, {', '.join(PROFILES)}")
    if claim.verdict != REPRODUCED and not (claim.why and claim.mend):
        raise LedgerError(f"{wrong}{claim.verdict!r} needs why and mend")
    if claim.ours.count("{}") != 1 or re.search(r"[{}]", claim.ours.replace("{}", "")):
        raise LedgerError(f"{wrong}ours needs one {{}} where our value goes")
    return claim


def judge(claim: Claim, records: Iterable[Record]) -> Judgement:
    """Judge a claim by the first record that may decide it.

    A run of another profile, or on a stand-in where real data is needed, may not decide; a run
    that failed or did not keep the value may, and gives no verdict.

    Args:
        claim: the claim.
        records: runs of the claim's chapter, the preferred one first.
    """
    reasons = []
    for record in records:
        if claim.profile not in ("any", record.profile):
            reasons.append(f"needs a {claim.profile} run")
        elif record.status != "passed":
            return Judgement(claim, None, None, "the run failed", record)
        elif claim.real_data and not record.real_data:
            reasons.append("needs real data")
        elif claim.metric not in record.metrics:
            return Judgement(claim, None, None, f"the run has no value {claim.metric}", record)
        else:
            ours = record.metrics[claim.metric]
            good = holds(claim.check, ours)
            return Judgement(claim, ours, claim.verdict if good else "not reproduced", "", record)
    return Judgement(claim, None, None, reasons[0] if reasons else "no run yet", None)


def committed_records(folder: Path) -> list[Record]:
    """Return the records that are kept in the repository, the newest first."""
    records = [Record.load(path) for path in folder.glob("*.json")]
    return sorted((r for r in records if r), key=lambda record: record.started, reverse=True)


def judge_all(ledger: Ledger, records: Iterable[Record]) -> list[Judgement]:
    """Judge every claim of a ledger by the runs of its chapter."""
    runs = [record for record in records if record.notebook == ledger.notebook]
    return [judge(claim, runs) for claim in ledger.claims]


def shown(value: Any) -> str:
    """Return a value as the pages print it: 93,322, 0.9896, (None, 26, 26, 32), yes."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4f}" if 1e-3 <= abs(value) < 1 else f"{value:.4g}"
    if isinstance(value, list | tuple):
        items = [shown(item) if isinstance(item, list | tuple) else str(item) for item in value]
        return f"({', '.join(items)})"
    return str(value)


def ledger_page(
    ledgers: Iterable[Ledger], records: list[Record], code: Mapping[str, str] | None = None
) -> str:
    """Return the ledger as Markdown: per document a count of verdicts and a table of claims.

    Args:
        ledgers: the ledgers, in the order of their chapters.
        records: runs of all chapters, the preferred ones first.
        code: for each chapter `runs.code_digest` of its code now; a verdict by a run of other code
            says so.
    """
    parts = []
    for ledger in ledgers:
        judgements = judge_all(ledger, records)
        counts = {
            verdict: sum(judgement.verdict == verdict for judgement in judgements)
            for verdict in (*VERDICTS, "not reproduced", None)
        }
        told = ", ".join(
            f"{count} {verdict or 'not judged yet'}" for verdict, count in counts.items() if count
        )
        lines = [
            f"## {ledger.title}",
            "",
            ledger.about,
            "",
            f"{len(judgements)} claims: {told}. "
            f"Checked in [the chapter](../notebooks/{ledger.notebook}.ipynb).",
            "",
            ":::{table}",
            ":class: ledger",
            "",
            "| The document says | Its value | Our run | Verdict |",
            "|---|---|---|---|",
            *(
                _row(ledger, judgement, (code or {}).get(ledger.notebook))
                for judgement in judgements
            ),
            ":::",
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _row(ledger: Ledger, judgement: Judgement, code: str | None) -> str:
    claim = judgement.claim
    link = f"[{claim.says}](../notebooks/{ledger.notebook}.ipynb#{claim.section})"
    if judgement.verdict is None:
        verdict = f"not judged yet: {judgement.reason}"
    else:
        verdict = f"**{judgement.verdict}**" + (f": {claim.why}" if claim.why else "")
        if judgement.record and (claim.real_data or claim.profile != "any"):
            older = code and judgement.record.inputs.get("code") != code
            verdict += (
                f" ({judgement.record.profile} run of {judgement.record.started[:10]}"
                f"{', of an older state of the code' if older else ''})"
            )
    cells = (link, shown(claim.seed), _ours(judgement), verdict)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _ours(judgement: Judgement) -> str:
    if judgement.verdict is None:
        return "–"
    return judgement.claim.ours.format(shown(judgement.ours))


def errata_page(ledgers: Iterable[Ledger], records: list[Record]) -> str:
    """Return the errata as Markdown: what is wrong in each document, or works otherwise today."""
    parts = []
    for ledger in ledgers:
        parts.append(f"## {ledger.title}")
        for judgement in judge_all(ledger, records):
            claim = judgement.claim
            if claim.verdict == REPRODUCED:
                continue
            said = _sentence(claim.says) + (
                f" It says {_quoted(claim.quote)}." if claim.quote else ""
            )
            ours = f"{_sentence(_ours(judgement))} {_sentence(claim.why)}"
            if judgement.verdict != claim.verdict:
                ours = _sentence(judgement.verdict or judgement.reason)
            link = f"[Run and explained here](../notebooks/{ledger.notebook}.ipynb#{claim.section})"
            parts.append(
                f"### {claim.id.replace('-', ' ').capitalize()}\n\n"
                f"- **The document:** {said}\n"
                f"- **Our run:** {ours}\n"
                f"- **Right:** {_sentence(claim.mend)} {link}."
            )
    return "\n\n".join(parts)


def _quoted(words: str) -> str:
    """Return a quotation; what is plain ASCII is code or output, in the documents that we have."""
    return f"`{words}`" if words.isascii() else f"“{words}”"


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")
