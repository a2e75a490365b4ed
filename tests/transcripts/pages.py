"""Where the pages show a transcript, and the pictures that are made of it."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PICTURES = {"deploy": "first-deploy", "rollback": "rollback"}
"""What stands in docs/pictures, and which scene it shows."""

SHOWN = re.compile(r"<!-- scenes: ([\w ,-]+) -->\n+```console\n(.*?)```\n", re.DOTALL)

# rich's own template loads a font from elsewhere, which neither a page of GitHub nor a reader offline would get
SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""

STYLES: tuple[tuple[str, str], ...] = (
    (r"^(?:prod)?\$ .*", "bold"),
    (r"^ *✅ .*", "green"),
    (r"^ *❌ .*", "bold red"),
    (r"^ *(?:⚠️|⏳|🔌) .*", "yellow"),
    (r"^ *👉 .*", "cyan"),
    (r"^# .*", "italic"),
)


def scenes_shown(page: str) -> list[str]:
    """Return the names of all scenes that a page shows."""
    return [name for found in SHOWN.finditer(page) for name in found[1].split(", ")]


def written(page: str, scenes: Mapping[str, Sequence[str]]) -> str:
    """Return a page with these scenes as they are now; others stay as they stand there."""

    def block(found: re.Match[str]) -> str:
        names = found[1].split(", ")
        if names[0] not in scenes:
            return found[0]
        text = "\n\n".join("\n".join(scenes[name]) for name in names)
        return f"<!-- scenes: {found[1]} -->\n```console\n{text}\n```\n"

    return SHOWN.sub(block, page)


def shown_in(pages: Sequence[Path], scene: str) -> list[str]:
    """Return the lines of the first block that shows this scene alone."""
    blocks = [found for page in pages for found in SHOWN.finditer(page.read_text("utf-8"))]
    return next(found[2].splitlines() for found in blocks if found[1] == scene)


def picture(lines: Sequence[str], name: str) -> str:
    """Draw a terminal that shows these lines, as SVG."""
    console = Console(
        record=True, file=io.StringIO(), width=max(map(cell_len, lines)) + 1, color_system="truecolor", highlight=False
    )
    for line in lines:
        text = Text(line, no_wrap=True)
        for pattern, style in STYLES:
            text.highlight_regex(pattern, Style.parse(style))
        console.print(text)
    return console.export_svg(title=lines[0].removeprefix("$ "), code_format=SVG, unique_id=name)


def lines_of(drawing: str) -> list[str]:
    """Read the lines off a picture."""
    rows: dict[float, dict[float, str]] = {}
    for x, y, text in re.findall(r'<text[^>]* x="([\d.]+)" y="([\d.]+)"[^>]*clip-path[^>]*>(.*?)</text>', drawing):
        rows.setdefault(float(y), {})[float(x)] = text
    return [" ".join(_plain("".join(row[x] for x in sorted(row))).split()) for _, row in sorted(rows.items())]


def _plain(text: str) -> str:
    for code, character in (
        ("&#160;", " "),
        ("&#x27;", "'"),
        ("&quot;", '"'),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ):
        text = text.replace(code, character)
    return text
