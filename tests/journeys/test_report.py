"""`fab -H prod report`: a page about what has really happened, looked at in a real browser."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import Browser, browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server import ServerUnderTest, Site

PWN = "<img src=x onerror=pwned=1>"
HOSTILE_LINES = [
    {"v": 1, "job": "x", "command": "deploy", "event": "started", "at": "2026-01-01T00:00:00Z", "by": PWN, "from": PWN},
    {"v": 1, "job": "x", "event": "finished", "outcome": PWN, "rows": [{"name": f"</script>{PWN}", "finished": True}]},
    {"v": 1, "job": "y", "command": "deploy", "event": "started", "at": PWN, "plan": PWN, "database_bytes": 10**400},
]

# WCAG 2.2: every text against what is painted behind it
LOW_CONTRAST = """
(() => {
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if ((colour[3] ?? 1) === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest("script, title")) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(parse(element.closest("svg") ? style.fill : style.color)), light(behind(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(walker.currentNode.data);
  }
  return found;
})()
"""


@pytest.fixture(scope="module")
def eyes() -> Iterator[Browser]:
    with browser() as running:
        yield running


class Reported:
    """A server with a deploy and a proven backup, and an audit and a directory that somebody has tampered with."""

    def __init__(self, site: Site) -> None:
        self.site = site
        site.write_migration("001_users.sql", "CREATE TABLE IF NOT EXISTS users (id int);\n")
        site.write_migration("002_slow.sql", "SELECT pg_sleep(0.3);\n")
        site.fab("deploy", check=0)
        site.fab("verify", "--backup=latest", check=0)
        audit = site.read_remote("deploys.jsonl")
        site.write_remote("deploys.jsonl", audit + "".join(f"{json.dumps(line)}\n" for line in HOSTILE_LINES).encode())
        site.write_remote(f"backups/{PWN}.sql", b"by hand")
        self.document: dict[str, Any] = json.loads(site.fab("report", "--json", check=0).stdout)

    @property
    def page(self) -> Path:
        return self.site.project / "deploys.html"


@pytest.fixture(scope="module")
def reported(server: ServerUnderTest) -> Iterator[Reported]:
    with server.fresh(15) as site:
        yield Reported(site)


class TestAReport:
    def test_is_made_of_the_audit_the_ledger_and_the_backups(self, reported: Reported) -> None:
        found = reported.document
        assert (found["outcome"], found["path"], found["bytes"]) == (
            "written",
            str(reported.page),
            reported.page.stat().st_size,
        )
        assert [(job["command"], job["outcome"]) for job in found["jobs"][-2:]] == [
            ("verify", "done"),
            ("deploy", "done"),
        ]
        assert all(5_000_000 < job["database_bytes"] < 50_000_000 for job in found["jobs"][-2:])
        assert [row["name"] for row in found["migrations"]] == ["001_users.sql", "002_slow.sql"]
        assert found["migrations"][1]["duration_ms"] >= 300
        assert sorted(bool(backup["restored_at"]) for backup in found["backups"]) == [False, True]

    def test_is_a_file_for_nobody_else_or_goes_to_stdout(self, reported: Reported) -> None:
        assert stat.S_IMODE(reported.page.stat().st_mode) == 0o600
        told = reported.site.fab("report", "--output=-", check=0)
        assert told.stdout.startswith("<!DOCTYPE html>\n")
        assert told.stdout.endswith("</html>\n")
        assert told.stderr.startswith("✅ prod: stdout, ")
        assert "is no file" in reported.site.fab("report", "--output=migrations", check=10).stdout
        assert json.loads(reported.site.fab("report", "--output=-", "--json", check=10).stdout)["outcome"] == "refused"

    @pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
    @pytest.mark.parametrize("width", [1280, 700, 320])
    def test_can_be_read_on_any_screen(self, reported: Reported, eyes: Browser, width: int, dark: bool) -> None:
        eyes.open(reported.page, width=width, dark=dark)
        assert eyes.ask("innerWidth") == width
        assert not eyes.ask("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert eyes.ask(LOW_CONTRAST) == []
        ground = eyes.ask("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(15, 18, 21)" if dark else "rgb(247, 247, 245)")
        assert eyes.ask("document.body.innerText.match(/00[12]_[a-z]+.sql/g).length") >= 4
        charts = eyes.ask("[...document.querySelectorAll('.plot')].map((c) => c.getBoundingClientRect().width)")
        assert len(charts) == 3
        assert all(180 < chart < width for chart in charts), charts

    def test_on_paper_is_black_on_white(self, reported: Reported, eyes: Browser) -> None:
        eyes.open(reported.page, width=700, dark=True, printed=True)
        assert eyes.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert eyes.ask(LOW_CONTRAST) == []

    def test_lets_nothing_from_a_server_come_to_life(self, reported: Reported, eyes: Browser) -> None:
        """What was written into the audit and the backups directory is read as it was written."""
        eyes.open(reported.page)
        assert eyes.ask("typeof pwned") == "undefined"
        assert eyes.ask("document.querySelectorAll('img').length") == 0
        assert eyes.ask(f"document.body.textContent.split({json.dumps(PWN)}).length") > 4
        assert eyes.said == []

    def test_stops_by_its_policy_whatever_might_come_to_life(self, reported: Reported, eyes: Browser) -> None:
        """The second wall, should the first have a hole."""
        eyes.open(reported.page)
        eyes.ask(f"document.body.insertAdjacentHTML('beforeend', {json.dumps(PWN)})")
        eyes.ask("document.body.append(Object.assign(document.createElement('script'), {text: 'pwned = 1'}))")
        assert eyes.ask("typeof pwned") == "undefined"
        assert len([words for words in eyes.said if "Content Security Policy" in words]) >= 2
        eyes.said.clear()

    def test_is_sorted_by_the_column_that_is_pressed(self, reported: Reported, eyes: Browser) -> None:
        eyes.open(reported.page)
        table = "[...document.querySelectorAll('table')].find((t) => t.caption.textContent.startsWith('By duration'))"
        names = f"[...({table}).tBodies[0].rows].map((row) => row.cells[0].textContent)"
        assert eyes.ask(names) == ["002_slow.sql", "001_users.sql"]
        eyes.ask(f"({table}).querySelectorAll('th button')[1].click()")
        assert eyes.ask(names) == ["001_users.sql", "002_slow.sql"]
        assert eyes.ask(f"({table}).querySelector('[aria-sort]').getAttribute('aria-sort')") == "ascending"
        eyes.ask(f"({table}).querySelectorAll('th button')[1].click()")
        assert eyes.ask(names) == ["002_slow.sql", "001_users.sql"]
