"""The past of one or more servers as one page of HTML that needs nothing but itself.

What is shown came from servers, so it may be anything: page_html escapes it, and the page's own policy lets nothing run or load but
the style and the script that are written here.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING

from deploy.plan.backup import age, megabytes, own
from deploy.report.console import for_host
from deploy.report.page_html import Html, join, tag
from deploy.report.page_parts import day, moment_of
from deploy.report.page_sections import (
    backups,
    database_size,
    deploys,
    migrations,
    outcome_sign,
    proof_of,
    sizes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.commands.look import Entry
    from deploy.commands.report import Report
    from deploy.model.observation import Observation

RECENT = timedelta(days=30)


def page(reports: Sequence[Report], tool: str) -> str:
    """Write the page.

    Args:
        reports: of each server, in the order in which they are shown.
        tool: the version of this tool.
    """
    title = f"Deploys of {', '.join(report.host for report in reports)}"
    alone = len(reports) == 1
    sections = [_server(report, number, alone=alone) for number, report in enumerate(reports, start=1)]
    at = max(report.seen.time for report in reports)
    foot = f"Written by backtester-deploy {tool} from the audit, the ledger and the backups, {day(at)} {at:%H:%M} UTC. All times are UTC."
    body = tag(
        "body", tag("main", tag("h1", title), sections), tag("footer", tag("p", foot)), tag("script", _file("page.js"))
    )
    return f"<!DOCTYPE html>\n{tag('html', _head(title), body, lang='en')}\n"


def _file(name: str) -> Html:
    return Html(resources.files("deploy.report").joinpath(name).read_text("utf-8"))


def _head(title: str) -> Html:
    style, script = _file("page.css"), _file("page.js")
    policy = f"default-src 'none'; style-src '{_sum(style)}'; script-src '{_sum(script)}'; base-uri 'none'; form-action 'none'"
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="robots", content="noindex"),
        tag("title", title),
        tag("style", style),
    )


def _sum(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _server(report: Report, number: int, *, alone: bool) -> Html:
    """Write all about one server; where it is one of several, under its name."""
    heading = "h2" if alone else "h3"
    seen = report.seen
    parts = [
        tag("p", _lead(seen), class_="lead"),
        _notices(report),
        tag("dl", _facts(report), class_="facts"),
        deploys(report, heading),
        migrations(seen, heading),
        backups(seen, heading),
        database_size(report, heading),
    ]
    if alone:
        return tag("div", parts, class_="server")
    name = f"server-{number}"
    return tag("section", tag("h2", report.host, id=name), parts, class_="server", aria_labelledby=name)


def _lead(seen: Observation) -> str:
    if seen.database is None:
        return "The database didn't answer, so what only the ledger and the database know is missing."
    role = ", a standby" if seen.database.standby else ""
    return f"Database {seen.database.name}, PostgreSQL {seen.database.major}{role}"


def _notices(report: Report) -> Html:
    seen = report.seen
    found = [f"{row.name} was started outside a transaction and never finished." for row in seen.ledger.unfinished]
    if seen.database is None:
        found.append(f"The database says: {seen.database_error or seen.container_error or 'nothing'}")
    if seen.locked:
        found.append(f"At work now: {seen.holder or 'a job that has just begun'}")
    if not any(backup.verified for backup in seen.backups):
        found.append("There is no verified backup.")
    elif not any(proof_of(backup) == "restored" for backup in seen.backups):
        found.append(
            for_host("No backup was ever restored for proof: fab -H … verify --backup=latest does that.", report.host)
        )
    return tag("ul", [tag("li", each) for each in found], class_="notices") if found else Html()


@dataclass(frozen=True, slots=True)
class _Fact:
    name: str
    value: str
    more: str | Html = ""


def _facts(report: Report) -> list[Html]:
    facts = [_last_deploy(report), _recent(report), _newest_backup(report.seen), _last_proof(report.seen)]
    if report.seen.database:
        facts += [_size_now(report), _applied(report.seen)]
    return [tag("div", tag("dt", f.name), tag("dd", tag("strong", f.value), tag("span", f.more))) for f in facts]


def _deployed(report: Report) -> list[Entry]:
    return [job for job in report.jobs if job.command == "deploy"]


def _last_deploy(report: Report) -> _Fact:
    dated = [(at, job) for job in _deployed(report) if (at := moment_of(job.started_at))]
    if not dated:
        return _Fact("Last deploy", "none yet")
    at, found = dated[0]
    return _Fact("Last deploy", f"{age(report.seen.time, at)} ago", join([outcome_sign(found), f" by {found.by}"]))


def _recent(report: Report) -> _Fact:
    since = report.seen.time - RECENT
    found = [job for job in _deployed(report) if (at := moment_of(job.started_at)) and at >= since]
    bad = sum(job.outcome != "done" for job in found)
    return _Fact(
        f"Deploys in {RECENT.days} days",
        str(len(found)),
        f"{bad} did not work" if bad else "all worked" if found else "",
    )


def _newest_backup(seen: Observation) -> _Fact:
    if not (verified := own(seen)):
        return _Fact("Newest backup", "none", "that is verified")
    found = verified[0]
    return _Fact("Newest backup", f"{age(seen.time, found.taken_at)} old", f"{megabytes(found.bytes)}, read back")


def _last_proof(seen: Observation) -> _Fact:
    proofs = [b.manifest.restored_at for b in own(seen) if b.manifest and b.manifest.restored_at]
    if not proofs:
        return _Fact("Last proof", "never", "no backup was restored")
    return _Fact(
        "Last proof", f"{age(seen.time, max(map(datetime.fromisoformat, proofs)))} ago", "a backup restored completely"
    )


def _size_now(report: Report) -> _Fact:
    points = sizes(report)
    now = points[-1].value
    then = next((point for point in points if point.at >= report.seen.time - RECENT), points[-1])
    if then is points[-1]:
        return _Fact("Database", megabytes(now), "on disk")
    change = now - then.value
    words = f"{'grew' if change >= 0 else 'shrank'} by {megabytes(abs(change))} in {age(report.seen.time, then.at)}"
    return _Fact("Database", megabytes(now), words)


def _applied(seen: Observation) -> _Fact:
    return _Fact(
        "Migrations",
        str(len(seen.ledger.applied)),
        f"applied, the last {seen.ledger.last}" if seen.ledger.last else "applied",
    )
