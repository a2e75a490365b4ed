"""Rows as columns, as wide as there is room."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GAP = "  "


def columns(
    rows: Sequence[Sequence[str]],
    width: int | None = None,
    *,
    dropped: Sequence[str] = (),
    cut: Mapping[str, int] | None = None,
    more: str = "…",
) -> list[str]:
    """Put rows below each other; the first one is the header.

    Args:
        rows: all of the same length.
        width: of the terminal; None for a file, which takes any.
        dropped: headers of the columns that are left out where there is no room, in this order.
        cut: headers of the columns that may be cut before that, and how short; the last one first.
        more: stands where something was cut off.
    """
    cut = cut or {}
    shown = [list(row) for row in rows]
    for header in (None, *dropped):
        if header in shown[0]:
            number = shown[0].index(header)
            shown = [row[:number] + row[number + 1 :] for row in shown]
        widths = _widths(shown)
        if width is None or _total(widths) <= width:
            break
        least = [min(w, cut.get(h, w)) for h, w in zip(shown[0], widths, strict=True)]
        if _total(least) <= width:
            widths = _squeezed(shown[0], widths, least, _total(widths) - width, list(cut))
            break
    return [
        GAP.join(_fitting(cell, w, more).ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _squeezed(
    headers: Sequence[str], widths: Sequence[int], least: Sequence[int], excess: int, cut: Sequence[str]
) -> list[int]:
    squeezed = list(widths)
    for header in reversed(cut):
        if header in headers:
            column = headers.index(header)
            taken = min(excess, squeezed[column] - least[column])
            squeezed[column] -= taken
            excess -= taken
    return squeezed


def _fitting(cell: str, width: int, more: str) -> str:
    return cell if len(cell) <= width else cell[: max(0, width - len(more))] + more[:width]
