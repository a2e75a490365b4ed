"""What every part of the page is made of: tables, figures, signs, and words for times and durations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from deploy.plan.backup import megabytes
from deploy.report.page_html import Html, join, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell; `by` is what its column is sorted by, where that isn't what is read."""

    content: str | Html
    by: float | str | None = None


def table(caption: str, columns: Mapping[str, str], rows: Iterable[Sequence[Cell]]) -> Html:
    """Write a table. The roles say what it is even where the style sheet makes cards of the rows, on a phone."""
    head = [tag("th", title, scope="col", role="columnheader", class_=kind or None) for title, kind in columns.items()]
    body = [
        [
            tag("td", cell.content, role="cell", class_=kind or None, data_label=title or None, data_by=cell.by)
            for cell, (title, kind) in zip(row, columns.items(), strict=True)
        ]
        for row in rows
    ]
    return tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", head, role="row"), role="rowgroup"),
        tag("tbody", [tag("tr", cells, role="row") for cells in body], role="rowgroup"),
        role="table",
    )


def folded(title: str, table: Html) -> Html:
    return tag("details", tag("summary", title), table)


def sign(kind: str, words: str) -> Html:
    """Write a word with a sign before it, so that nobody needs to tell colours."""
    return tag("span", words, class_=f"sign {kind}")


def breakable(text: str) -> Html:
    """Write the name of a file, which may be broken behind an underscore."""
    first, *rest = text.split("_")
    return tag("code", first, [join(["_", tag("wbr"), part]) for part in rest]) if text else Html()


def figure(label: str, chart: Html, legend: Iterable[tuple[Html, str]]) -> Html:
    signs = [tag("li", sign, name) for sign, name in legend]
    return tag("figure", tag("figcaption", label), chart, tag("ul", signs, class_="legend") if signs else "")


def moment_of(text: str) -> datetime | None:
    """Read a time of the audit or the ledger, which may be anything."""
    try:
        found = datetime.fromisoformat(text)
        return None if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def time_tag(text: str) -> Html | str:
    at = moment_of(text)
    return text if at is None else tag("time", f"{day(at)} {at:%H:%M}", datetime=at.isoformat())


def day(at: datetime) -> str:
    return f"{at.day} {at:%b %Y}"


def duration(ms: int) -> str:
    """Say how long something took."""
    for unit, name in ((3_600_000, "h"), (60_000, "min"), (1000, "s")):
        if ms >= 2 * unit or (name == "s" and ms >= unit):
            return f"{ms / unit:.1f} {name}".replace(".0 ", " ")
    return f"{ms} ms"


def round_bytes(value: float) -> str:
    """Write a round number of bytes."""
    return megabytes(round(value)).replace(".0 ", " ") if value else "0"
