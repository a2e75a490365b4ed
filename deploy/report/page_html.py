"""Markup by construction: a text becomes markup only here, and only escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from deploy.job.runner import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

_EMPTY = frozenset({"meta", "wbr"})
"""Elements that have no end tag in HTML."""


class Html(str):
    """A text that is markup already; every other text is escaped where it is put in."""

    __slots__ = ()


def tag(name: str, /, *content: str | Iterable[Html], **attributes: str | float | None) -> Html:
    """Return an element.

    Args:
        name: of the element; like the attributes' names, it is ours.
        content: markup, or texts from anywhere, or several pieces of markup.
        attributes: None leaves one out; `aria_label` is written aria-label, `class_` class.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _EMPTY:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(content)}</{name}>")


def join(content: Iterable[str | Iterable[Html]]) -> Html:
    """Put pieces behind each other."""
    return Html("".join(text(piece) if isinstance(piece, str) else join(piece) for piece in content))


def text(words: str) -> Html:
    """Escape a text, unless it is markup; what no eye can see in it is shown as �, as on the console."""
    return words if isinstance(words, Html) else Html(escape(printable(words)))


def _plain(value: str | float) -> str:
    """Write a number as short as two decimals allow."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
