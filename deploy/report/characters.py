"""What a terminal without UTF-8 shows in place of the characters that it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

STAND_INS: Mapping[str, str] = {
    "✅": "ok",
    "❌": "ERROR",
    "⚠️": "!",
    "👉": "->",
    "💡": "=>",
    "❓": "?",
    "▶": ">",
    "⏳": "...",
    "🔒": "*",
    "📄": "*",
    "📦": "*",
    "🔎": "*",
    "🔁": "*",
    "🧹": "*",
    "🔌": "*",
    "🧪": "*",
    "→": "->",
    "…": "...",
    "─": "-",
    "█": "#",
}
"""Of every character beyond ASCII that our own words have; what others said has `?` in its place."""


def speaks_unicode(stream: TextIO, variables: Mapping[str, str]) -> bool:
    """Tell whether our marks will be seen as they are.

    Python writes UTF-8 in the locale C too, which a file takes; a terminal that was set to it may show something else.
    """
    if (stream.encoding or "utf-8").lower().replace("-", "") != "utf8":
        return False
    if not stream.isatty() or variables.get("PYTHONIOENCODING") or variables.get("PYTHONUTF8") == "1":
        return True
    locale = variables.get("LC_ALL") or variables.get("LC_CTYPE") or variables.get("LANG") or ""
    return locale.lower().replace("-", "").endswith("utf8")


def in_ascii(text: str) -> str:
    """Write our own marks in ASCII; other characters stay."""
    for mark, stand_in in STAND_INS.items():
        text = text.replace(mark, stand_in)
    return text


def encodable(text: str, encoding: str) -> str:
    """Put `?` in place of what the encoding lacks."""
    return text.encode(encoding, "replace").decode(encoding)
