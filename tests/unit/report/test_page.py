"""The page says what was, needs nothing but itself, and nothing from a server comes to life in it."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.commands.look import entries
from deploy.model.backup import Backup, Origin
from deploy.model.ledger import Ledger
from deploy.model.observation import Replaced
from deploy.report.page import page
from deploy.report.page_html import Html, tag
from deploy.report.page_parts import duration
from deploy.report.page_sections import SHOWN_FIRST, SHOWN_JOBS
from tests.unit.report.past import a_job, a_ledger_row, a_report, seen_with
from tests.unit.values import HOLDER, NOW, STAGING, a_backup, a_database

if TYPE_CHECKING:
    from deploy.commands.report import Report

EMPTY = {"meta", "wbr"}
HOSTILE = (
    "</script><script>pwned()</script>",
    "</style><img src=x onerror=pwned()>",
    "\"'><svg onload=pwned()>",
    "</title><!--",
    "]]>&lt;b&gt;&#60;",
    "\x1b[31m\u202egpj.exe\x00\ud800",
)


class Reader(HTMLParser):
    """Reads a page as a browser does, and sees to it that every element is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.append((self.open[-1], data))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for element, attributes in self.elements if element == name]

    def text(self, *within: str) -> str:
        return "".join(
            text
            for element, text in self.texts
            if element not in {"script", "style"} and (not within or element in within)
        )


def read(*reports: Report) -> Reader:
    return Reader(page(reports, "1.2.3"))


def everywhere(words: str) -> Report:
    """Return a past in which everything that a server may say says this."""
    backup = a_backup()
    assert backup.manifest
    manifest = replace(backup.manifest, migration=words, origin=Origin(words, words, words), rows={words: 1})
    seen = seen_with(
        a_ledger_row(way=words, started_at=words, finished_at=words),
        a_ledger_row(2, finished_at=None),
        backups=(replace(backup, name=words, manifest=manifest), Backup(words, 5, NOW)),
        database=a_database(name=words, user=words, replaced=(Replaced(words, 5),)),
        locked=True,
        holder=replace(HOLDER, by=words, step=words),
    )
    job = a_job(by=words, source=words, commit=words, reason=words, rows=(words,))
    jobs = [
        job,
        replace(job, outcome=words),
        replace(job, outcome="failed"),
        replace(job, started_at=words),
        replace(job, command="rollback", plan={"backup": words}, rows=()),
        replace(job, command=words),
    ]
    return a_report(*jobs, seen=seen, host=words)


class TestThePage:
    def test_is_one_file_that_loads_and_runs_nothing_else(self) -> None:
        text = page([a_report(a_job())], "1.2.3")
        found = Reader(text)
        (policy,) = [m["content"] for m in found.named("meta") if m.get("http-equiv") == "Content-Security-Policy"]
        sums = {
            name: f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"
            for name in ("style", "script")
            for content in re.findall(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
        }
        assert policy == (
            f"default-src 'none'; style-src {sums['style']}; script-src {sums['script']}; base-uri 'none'; form-action 'none'"
        )
        assert not {"src", "href", "style", "action", "srcset", "xlink:href"} & {
            a for _, each in found.elements for a in each
        }
        assert not re.search(r"https?:|url\(|@import", text)

    def test_is_whole_for_every_kind_of_past(self) -> None:
        """The reader fails where an element isn't closed."""
        down = seen_with(database=None, database_error="no such container", backups=())
        read(a_report(seen=seen_with(backups=())))
        read(a_report(a_job(), seen=down), a_report(a_job(), host="db2"))
        read(a_report(*[a_job(n, ago=timedelta(days=n)) for n in range(400)], complete=False))

    @pytest.mark.parametrize("words", HOSTILE)
    def test_shows_hostile_words_as_words(self, words: str) -> None:
        plain, hostile = read(everywhere("plain")), read(everywhere(words))
        assert len(hostile.named("script")) == 1
        assert {name for name, _ in hostile.elements} <= {name for name, _ in plain.elements}
        shown = "".join(c if c.isprintable() else "�" for c in words)
        commits = 6  # are cut
        assert hostile.text().count(shown) >= plain.text().count("plain") - commits

    @settings(max_examples=50)
    @given(st.text(st.characters() | st.sampled_from("<>&\"'/=`"), min_size=1))
    def test_is_the_same_page_whatever_a_server_says(self, words: str) -> None:
        plain, hostile = read(everywhere("plain")), read(everywhere(words))
        known = {(name, attribute) for name, attributes in plain.elements for attribute in attributes}
        assert {(name, attribute) for name, attributes in hostile.elements for attribute in attributes} <= known
        page([everywhere(words)], "").encode()

    @settings(max_examples=50)
    @given(
        st.lists(
            st.fixed_dictionaries(
                {"event": st.sampled_from(["started", "finished"]), "job": st.sampled_from(["a", "b"])},
                optional={
                    "at": st.none() | st.text(max_size=5) | st.datetimes().map(lambda at: f"{at.isoformat()}Z"),
                    "command": st.sampled_from(["deploy", "rollback"]),
                    "plan": st.none()
                    | st.dictionaries(st.just("backup"), st.none() | st.integers() | st.text(max_size=3)),
                    "seconds": st.integers() | st.text(max_size=3),
                    "database_bytes": st.integers() | st.booleans(),
                    "outcome": st.none() | st.sampled_from(["done", "failed", "?"]),
                    "rows": st.lists(st.fixed_dictionaries({"name": st.integers(), "finished": st.booleans()})),
                },
            )
        )
    )
    def test_stands_whatever_the_audit_says(self, audit: list[dict[str, object]]) -> None:
        read(a_report(*entries(audit)))

    def test_stands_at_the_ends_of_time_and_of_numbers(self) -> None:
        largest = 2**63 - 1
        ends = [
            a_backup(size=size, age=NOW - datetime(year, 1, 2, tzinfo=UTC)) for size, year in ((largest, 1), (0, 9999))
        ]
        rows = [
            a_ledger_row(ms=largest),
            a_ledger_row(2, ms=-largest),
            a_ledger_row(3, started_at="0001-01-01T00:00:00Z"),
        ]
        seen = seen_with(*rows, backups=tuple(ends), database=a_database(bytes=largest))
        jobs = [a_job(started_at="9999-12-31T23:59:59Z"), a_job(started_at="0001-01-01T00:00:00+14:00", seconds=2**52)]
        read(a_report(*jobs, seen=seen))
        read(a_report(seen=seen_with(database=a_database(bytes=0), backups=(a_backup(size=0),))))

    def test_is_quick_and_light_for_a_long_past(self) -> None:
        """Ten thousand deploys and a thousand migrations."""
        jobs = [a_job(n, ago=timedelta(hours=5 * n), database_bytes=30_000_000 + n) for n in range(10_000)]
        rows = [a_ledger_row(n, ms=n) for n in range(1000)]
        seen = seen_with(*rows, backups=tuple(a_backup(age=timedelta(days=n)) for n in range(60)))
        began = time.process_time()
        text = page([a_report(*jobs, seen=seen)], "1.2.3")
        assert time.process_time() - began < 2
        assert len(text.encode()) < 1_500_000

    def test_is_for_a_phone_and_for_a_dark_room_too(self) -> None:
        found = read(a_report())
        assert {m["name"]: m["content"] for m in found.named("meta") if "name" in m} == {
            "viewport": "width=device-width, initial-scale=1",
            "color-scheme": "light dark",
            "robots": "noindex",
        }


class TestWhoeverCantSeeIt:
    def test_hears_headings_in_order(self) -> None:
        for found in (read(a_report(a_job())), read(a_report(a_job()), a_report(a_job(), host="db2"))):
            levels = [int(name[1]) for name, _ in found.elements if re.fullmatch("h[1-6]", name)]
            assert levels[0] == 1
            assert levels.count(1) == 1
            assert all(after - before <= 1 for before, after in pairwise(levels))

    def test_hears_what_every_table_and_chart_is(self) -> None:
        found = read(a_report(*[a_job(n, ago=timedelta(days=n)) for n in range(30)]))
        assert len(found.named("table")) == len(found.named("caption")) == 4
        assert all(head["scope"] == "col" for head in found.named("th"))
        shown = [svg for svg in found.named("svg") if svg.get("aria-hidden") != "true" and "class" in svg]
        assert len(shown) == 3
        assert all(svg["role"] == "img" and svg["aria-label"] for svg in shown)
        assert found.named("html") == [{"lang": "en"}]

    def test_is_told_by_words_what_colours_tell(self) -> None:
        found = read(a_report(a_job(), a_job(2, outcome="failed", reason="no_space"), a_job(3, outcome=None)))
        for words in ("done", "failed: no space", "not known", "read back"):
            assert words in found.text("span")


STYLE = page([a_report()], "")
VARIABLES = [
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
]


def luminance(colour: str) -> float:
    """Source: WCAG 2.2, relative luminance."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", VARIABLES, ids=["light", "dark", "print"])
class TestContrast:
    """Source: WCAG 2.2, 1.4.3 and 1.4.11."""

    def test_of_words_is_enough_to_read_them(self, colours: dict[str, str]) -> None:
        for ground in ("ground", "surface"):
            for words in ("text", "muted", "good", "bad"):
                assert contrast(colours[words], colours[ground]) >= 4.5, (words, ground)
        assert contrast(colours["notice-text"], colours["notice"]) >= 4.5

    def test_of_marks_is_enough_to_see_them(self, colours: dict[str, str]) -> None:
        for mark in ("good", "back", "bad", "other"):
            assert contrast(colours[mark], colours["surface"]) >= 3, mark


class TestTheDeploys:
    def test_are_counted_by_how_they_ended(self) -> None:
        jobs = [
            a_job(1),
            a_job(2, outcome="failed"),
            a_job(3, outcome="cancelled"),
            a_job(4, outcome=None),
            a_job(5, command="rollback"),
            a_job(6, command="undo"),
            a_job(7, command="backup"),
            a_job(8, ago=timedelta(days=2)),
        ]
        said = read(a_report(*jobs)).text("title")
        assert "day of 22 Nov 2026: 1 deployed, 2 rolled back or undone, 1 failed, 2 cancelled or not known" in said
        assert "day of 20 Nov 2026: 1 deployed" in said
        assert "day of 21 Nov 2026: none" in said

    def test_stand_on_an_axis_from_zero(self) -> None:
        """Three columns of 1, 2 and 4: their heights are to each other as these."""
        jobs = [a_job(n, ago=timedelta(days=days)) for n, days in enumerate((0, 1, 1, 2, 2, 2, 2))]
        columns = [
            rect
            for rect in read(a_report(*jobs)).named("rect")
            if rect.get("class") == "good" and "%" in str(rect["x"])
        ]
        heights = [float(str(rect["height"])) for rect in columns]
        assert heights == pytest.approx([heights[2] * 4, heights[2] * 2, heights[2]], rel=1e-3)

    def test_are_listed_newest_first_and_no_more_than_can_be_read(self) -> None:
        jobs = [a_job(n, ago=timedelta(hours=n)) for n in range(SHOWN_JOBS + 5)]
        found = read(a_report(*jobs, complete=False))
        names = re.findall(r"\d{3}_step\.sql", found.text("code"))[: SHOWN_FIRST + SHOWN_JOBS]
        assert names[:3] == ["000_step.sql", "001_step.sql", "002_step.sql"]
        assert names[SHOWN_FIRST] == "000_step.sql"
        assert f"The newest {SHOWN_JOBS} of {SHOWN_JOBS + 5}" in found.text("summary")
        assert "The audit has older ones" in found.text("p")

    def test_say_where_a_rollback_went_and_what_is_at_work(self) -> None:
        back = a_job(1, command="rollback", rows=())
        running = a_job(2, job=HOLDER.job, outcome=None, seconds=None)
        found = read(a_report(running, back, seen=seen_with(locked=True, holder=HOLDER)))
        assert "to " in found.text("div")
        assert "pre_deploy_20261122_090000.sql.gz" in found.text("code")
        assert "at work" in found.text("span")
        assert "At work now: deploy by alice from laptop" in found.text("li")

    def test_sum_up_the_last_month(self) -> None:
        jobs = [a_job(1), a_job(2, outcome="failed"), a_job(3, ago=timedelta(days=31), outcome="failed")]
        text = read(a_report(*jobs)).text("dt", "strong", "span")
        assert "Last deploy3 h ago" in text
        assert "Last deploy3 h ago" in read(a_report(a_job(started_at="?"), a_job())).text("dt", "strong")
        assert "Last deploynone yet" in read(a_report(a_job(started_at="?"))).text("dt", "strong")
        assert "Deploys in 30 days21 did not work" in text


class TestTheMigrations:
    def test_are_shown_by_how_long_they_took(self) -> None:
        rows = [a_ledger_row(n, ms=ms) for n, ms in enumerate((5, 200, 100), start=1)]
        recorded = a_ledger_row(9, ms=0, way="baseline")
        found = read(a_report(seen=seen_with(*rows, recorded)))
        names = re.findall(r"\d{3}_step\.sql", found.text("code"))
        assert names[:3] == ["002_step.sql", "003_step.sql", "001_step.sql"]
        assert names[3:7] == ["009_step.sql", "003_step.sql", "002_step.sql", "001_step.sql"]
        bars = [rect["width"] for rect in found.named("rect") if "rx" in rect]
        assert bars[:3] == ["100.00%", "50.00%", "2.50%"]
        assert "recorded, not run" in found.text()
        assert "305 ms altogether" in found.text("caption")

    def test_that_never_ended_are_pointed_out(self) -> None:
        found = read(a_report(seen=seen_with(a_ledger_row(3, ms=None, finished_at=None, way="outside"))))
        assert "003_step.sql was started outside a transaction and never finished" in found.text("li")
        assert "not finished" in found.text("span")

    @pytest.mark.parametrize(
        ("ms", "words"),
        [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1 s"),
            (1500, "1.5 s"),
            (119_000, "119 s"),
            (150_000, "2.5 min"),
            (9_000_000, "2.5 h"),
        ],
    )
    def test_took_as_long_as_people_say(self, ms: int, words: str) -> None:
        assert duration(ms) == words


class TestTheBackups:
    def test_of_another_database_are_told_apart_and_arent_the_newest(self) -> None:
        theirs = a_backup(origin=STAGING, age=timedelta(hours=3))
        found = read(a_report(seen=seen_with(backups=(theirs, a_backup(age=timedelta(hours=7))))))
        assert f"{theirs.name} (of backtester of staging)" in found.text()
        assert "7 h old" in found.text()
        assert "3 h old" not in found.text()

    def test_are_shown_with_their_proofs(self) -> None:
        proven = a_backup(age=timedelta(days=2))
        assert proven.manifest
        restored = replace(
            proven, manifest=replace(proven.manifest, restored_at=(NOW - timedelta(hours=5)).isoformat())
        )
        found = read(
            a_report(
                seen=seen_with(backups=(a_backup(), restored, a_backup("backup", proven=False, age=timedelta(days=3))))
            )
        )
        signs = [attributes["class"] for name, attributes in found.elements if name in {"circle", "path"}]
        assert signs[:3] == ["bad", "good", "read"], "the oldest first"
        for words in ("restored 5 h ago", "read back", "not verified"):
            assert words in found.text("span")
        assert "Last proof5 h ago" in found.text("dt", "strong")

    def test_that_were_never_restored_are_pointed_out(self) -> None:
        assert "fab -H prod verify --backup=latest" in read(a_report()).text("li")
        assert "There is no verified backup." in read(a_report(seen=seen_with(backups=()))).text("li")

    def test_stand_by_size_on_an_axis_from_zero(self) -> None:
        seen = seen_with(backups=(a_backup(size=4_000_000), a_backup(size=2_000_000, age=timedelta(days=1))))
        marks = [float(str(svg["y"])) for svg in read(a_report(seen=seen)).named("svg") if "y" in svg]
        ticks = [float(str(line["y1"])) for line in read(a_report(seen=seen)).named("line") if line["class"] == "grid"]
        assert "4 MB" in read(a_report(seen=seen)).text("text")
        zero, top = max(ticks), min(ticks)
        assert marks == pytest.approx([(zero + top) / 2, top])
        assert 0 <= top < zero < 190


class TestTheDatabasesSize:
    def test_is_known_whenever_a_job_began_and_now(self) -> None:
        jobs = [a_job(1, database_bytes=28_000_000), a_job(2, ago=timedelta(days=9), database_bytes=20_000_000)]
        found = read(a_report(*jobs))
        said = found.text("title")
        assert "13 Nov 2026: 20.0 MB, before deploy22 Nov 2026: 28.0 MB, before deploynow: 30.0 MB" in said
        assert "Database30.0 MBgrew by 10.0 MB in 9 d" in found.text("dt", "strong", "span")

    def test_may_shrink(self) -> None:
        assert "shrank by 10.0 MB" in read(a_report(a_job(database_bytes=40_000_000))).text("span")

    def test_says_why_there_is_no_line_yet(self) -> None:
        assert "there is no such job yet" in read(a_report(a_job(database_bytes=None))).text("p")

    def test_of_a_long_past_is_drawn_in_few_steps(self) -> None:
        jobs = [a_job(n, ago=timedelta(hours=n), database_bytes=n) for n in range(5000)]
        assert len([r for r in read(a_report(*jobs)).named("rect") if r.get("class") == "area"]) <= 241


class TestAServerWhoseDatabaseDoesntAnswer:
    def test_still_has_its_audit_and_its_backups(self) -> None:
        seen = seen_with(database=None, database_error="No such container: x")
        found = read(a_report(a_job(), seen=replace(seen, ledger=Ledger())))
        assert "The database says: No such container: x" in found.text("li")
        assert a_backup().name in found.text("code")
        assert "The ledger has none." in found.text("p")


class TestMarkup:
    def test_is_made_by_nobody_but_us(self) -> None:
        assert tag("b", "<i>", Html("<i>"), title='"&') == '<b title="&quot;&amp;">&lt;i&gt;<i></b>'

    def test_leaves_out_what_has_no_value(self) -> None:
        assert tag("td", "", class_=None, data_by=0, x=1.5) == '<td data-by="0" x="1.5"></td>'
