"""Charts as SVG. Across they are in percent, so that one drawing fits a phone and a desk and its words keep their size; down in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from deploy.report.page_html import Html, tag
from deploy.report.page_scales import Span, Step, round_ticks, span_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

_HEIGHT, _TOP, _BOTTOM, _MARGIN = 190, 10, 26, 58
_MOST_MARKS = 7
_WIDEST = 3.0
"""Percent that a column takes at most: a lone one would look like a wall."""
_EDGE = 6.0
"""Percent from an end within which a label is not centered: it would stick out."""
_MOST_SAMPLES = 240


@dataclass(frozen=True, slots=True)
class Series:
    """What is counted in columns. `kind` is its class, which the style sheet gives a colour."""

    kind: str
    name: str
    counts: Sequence[int]


@dataclass(frozen=True, slots=True)
class Point:
    """Something that was so at a moment; `words` are shown by whoever points at it."""

    at: datetime
    value: int
    words: str
    kind: str = "good"


def columns(label: str, step: Step, begins: Sequence[datetime], series: Sequence[Series]) -> Html:
    """Draw how often things happened, one column a period, one upon the other."""
    span = Span(begins[0], step.after(begins[-1]))
    heights = [sum(counts) for counts in zip(*(each.counts for each in series), strict=True)]
    ticks = round_ticks(max([*heights, 1]), least=1)
    width = min(80 / len(begins), _WIDEST)
    drawn = []
    for number, begin in enumerate(begins):
        left, right = span.place(begin), span.place(step.after(begin))
        below = 0
        found = [Html(tag("title", _said(step, begin, series, number)))]
        found.append(
            tag("rect", class_="target", x=_percent(left), y=_TOP, width=_percent(right - left), height=_y(0, 1) - _TOP)
        )
        for each in series:
            if count := each.counts[number]:
                top, bottom = _y(below + count, ticks[-1]), _y(below, ticks[-1])
                at = _percent((left + right - width) / 2)
                found.append(tag("rect", class_=each.kind, x=at, y=top, width=_percent(width), height=bottom - top))
                below += count
        drawn.append(tag("g", found))
    return _chart(label, span, ticks, lambda tick: f"{tick:.0f}", drawn)


def _said(step: Step, begin: datetime, series: Sequence[Series], number: int) -> str:
    counts = [f"{each.counts[number]} {each.name}" for each in series if each.counts[number]]
    return f"{step.name} of {begin.day} {begin:%b %Y}: {', '.join(counts) or 'none'}"


def dots(label: str, points: Sequence[Point], now: datetime, write: Callable[[float], str]) -> Html:
    """Draw things by when they were and how big they are."""
    span = span_of([point.at for point in points], now)
    ticks = round_ticks(max(point.value for point in points), least=1000)
    drawn = [
        tag("svg", _sign(point.kind, point.words), x=_percent(span.place(point.at)), y=_y(point.value, ticks[-1]))
        for point in points
    ]
    return _chart(label, span, ticks, write, drawn)


def levels(label: str, points: Sequence[Point], now: datetime, write: Callable[[float], str]) -> Html:
    """Draw a value that is known now and then, the oldest first: each holds until the next is known."""
    span = span_of([point.at for point in points], now)
    ticks = round_ticks(max(point.value for point in points), least=1000)
    places = {round(span.place(point.at) / 100 * _MOST_SAMPLES): point for point in points}
    kept = list(places.values())
    drawn = []
    for point, after in pairwise([*kept, Point(span.last, kept[-1].value, "")]):
        left, right = span.place(point.at), span.place(after.at)
        y, next_y = _y(point.value, ticks[-1]), _y(after.value, ticks[-1])
        area = tag("rect", class_="area", x=_percent(left), y=y, width=_percent(right - left), height=_y(0, 1) - y)
        along = tag("line", class_="level", x1=_percent(left), x2=_percent(right), y1=y, y2=y)
        up = tag("line", class_="level", x1=_percent(right), x2=_percent(right), y1=y, y2=next_y)
        drawn.append(tag("g", tag("title", point.words), area, along, up))
    last = kept[-1]
    drawn.append(tag("svg", _sign(last.kind, last.words), x=_percent(span.place(last.at)), y=_y(last.value, ticks[-1])))
    return _chart(label, span, ticks, write, drawn)


def bar(value: int, highest: int) -> Html:
    """Draw a value as a bar in a cell of a table, whose longest is the highest."""
    share = max(value, 0) / highest * 100 if highest > 0 else 0
    return tag("svg", tag("rect", width=_percent(share), height=8, rx=1), class_="bar", aria_hidden="true")


def dot(kind: str) -> Html:
    """Draw what stands for a kind of dots in a legend."""
    return tag("svg", _sign(kind), class_="swatch", viewBox="-7 -7 14 14", aria_hidden="true")


def square(kind: str) -> Html:
    """Draw what stands for a kind of columns in a legend."""
    found = tag("rect", class_=kind, x=-6, y=-6, width=12, height=12)
    return tag("svg", found, class_="swatch", viewBox="-7 -7 14 14", aria_hidden="true")


def _sign(kind: str, words: str = "") -> Html:
    """Draw a sign around 0, 0: a cross where something is bad, so that nobody needs to tell colours."""
    title = tag("title", words) if words else Html()
    if kind == "bad":
        return tag("path", title, class_=kind, d="M-4.5-4.5 4.5 4.5M4.5-4.5-4.5 4.5")
    return tag("circle", title, class_=kind, r=5)


def _chart(
    label: str, span: Span, ticks: Sequence[float], write: Callable[[float], str], drawn: Iterable[Html]
) -> Html:
    lines = [tag("line", class_="grid", x1=0, x2="100%", y1=y, y2=y) for y in (_y(tick, ticks[-1]) for tick in ticks)]
    values = [tag("text", write(tick), x=_MARGIN - 8, y=_y(tick, ticks[-1]) + 4) for tick in ticks]
    axis = tag("svg", values, class_="axis", aria_hidden="true", width=_MARGIN, height=_HEIGHT)
    marks = [mark for number, found in enumerate(span.marks(_MOST_MARKS)) for mark in _mark(number, *found)]
    content = [tag("title", label), *lines, *drawn, *marks]
    plot = tag("svg", content, class_="plot", role="img", aria_label=label, width="100%", height=_HEIGHT)
    return tag("div", axis, plot, class_="chart")


def _mark(number: int, place: float, label: str) -> list[Html]:
    """Draw a tick below the axis, and its label; a phone leaves every other label out."""
    anchor = "start" if place < _EDGE else "end" if place > 100 - _EDGE else "middle"
    base = _y(0, 1)
    kind = "alternate" if number % 2 else None
    return [
        tag("line", class_="tick", x1=_percent(place), x2=_percent(place), y1=base, y2=base + 5),
        tag("text", label, class_=kind, x=_percent(place), y=_HEIGHT - 5, text_anchor=anchor),
    ]


def _y(value: float, highest: float) -> float:
    """Return how far down a value stands; the axis begins at 0, always."""
    return _TOP + (1 - value / highest) * (_HEIGHT - _TOP - _BOTTOM)


def _percent(value: float) -> str:
    return f"{value:.2f}%"
