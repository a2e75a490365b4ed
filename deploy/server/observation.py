"""One look at a server: one execution, everything that a decision needs, parsed without trust."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from deploy.job.scripts import assignments, script, settings_head, sql
from deploy.model.backup import STAMP, Backup, Manifest
from deploy.model.errors import ServerTalksNonsense
from deploy.model.ledger import Ledger, LedgerRow
from deploy.model.observation import Database, Holder, Observation, Replaced

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deploy.model.settings import Settings
    from deploy.server.shell import Shell

TIMEOUT_S = 60.0
LIMIT_BYTES = 64 * 2**20


def observe(shell: Shell, settings: Settings, remote_dir: str, *, audit_lines: int = 0) -> Observation:
    """Look at a server once.

    Args:
        shell: the open connection.
        settings: of the server's environment.
        remote_dir: absolute, on the server.
        audit_lines: how many of the newest lines of deploys.jsonl are wanted.

    Raises:
        ServerTalksNonsense: the answer isn't what the script prints.
    """
    done = shell.run(
        ["sh", "-c", observation_script(settings, remote_dir, audit_lines)], timeout_s=TIMEOUT_S, limit=LIMIT_BYTES
    )
    return parse(shell.name, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def observation_script(settings: Settings, remote_dir: str, audit_lines: int) -> str:
    """Render the script; it changes nothing on the server."""
    facts = ["server", "directory", "lock", "backups", "database"]
    calls = [f"observe_{fact}" for fact in facts]
    if audit_lines:
        calls.append(f"observe_audit {audit_lines}")
    return "".join(
        [
            settings_head(settings, remote_dir),
            assignments({"observe_sql": sql("observe")}),
            script("postgres.sh"),
            script("observe.sh"),
            *(f"{call}\n" for call in calls),
            "printf 'end\\n'\n",
        ]
    )


def parse(name: str, text: str, complaint: str) -> Observation:
    """Read what the script printed.

    Raises:
        ServerTalksNonsense: it didn't print that.
    """
    facts = [line.partition(" ")[::2] for line in text.split("\n")]
    if ("end", "") not in facts:
        said = (text + complaint).strip().splitlines()
        raise ServerTalksNonsense(
            f"{name} didn't answer as a POSIX shell does: {_printable(said[-1]) if said else 'it said nothing'}",
            hint="Look at what the login shell of that user is, and at what its profile prints.",
        )
    try:
        return _observation(facts)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ServerTalksNonsense(
            f"{name} answered in a form that can't be read: {_printable(str(error))}",
            hint="Look at what the login shell of that user prints, and at the files in backups/.",
        ) from error


def _observation(facts: Sequence[tuple[str, str]]) -> Observation:
    first: dict[str, str] = {}
    for key, value in facts:
        first.setdefault(key, value)
    rows = tuple(_ledger_row(json.loads(value)) for key, value in facts if key == "ledger")
    exists, writable = first["directory"].split()
    backups, partial = _backups(facts)
    return Observation(
        time=datetime.strptime(first["time"], STAMP).replace(tzinfo=UTC),
        user=_printable(first["user"]),
        kernel=_printable(first["kernel"]),
        lacks=tuple(first["lacks"].split()),
        directory_exists=exists == "yes",
        directory_writable=writable == "yes",
        free_bytes=int(first["free_kb"]) * 1024,
        migrations_sum=first.get("migrations_sum"),
        backups=backups,
        partial=partial,
        locked=first.get("lock") == "held",
        holder=_holder(first.get("holder", ""), first.get("step", "")),
        last_job=_printable(first["last_job"]) if "last_job" in first else None,
        audit=tuple(_audit(value) for key, value in facts if key == "audit"),
        database=_database(json.loads(first["database"])) if "database" in first and "database_end" in first else None,
        database_error=_printable(first.get("database_error", "")),
        container_state=first.get("container"),
        container_error=_printable(first.get("container_error", "")),
        foreign_ledger=first.get("has_ledger") == "foreign",
        ledger=Ledger(exists="has_ledger" in first, rows=rows),
    )


def _ledger_row(row: Mapping[str, Any]) -> LedgerRow:
    return LedgerRow(
        name=_printable(row["name"]),
        sha256=str(row["sha256"]),
        way=str(row["way"]),
        started_at=str(row["started_at"]),
        finished_at=row["finished_at"] and str(row["finished_at"]),
        duration_ms=row["duration_ms"],
        deploy_id=_printable(str(row["deploy_id"])),
    )


def _database(found: Mapping[str, Any]) -> Database:
    holder = found["locked_by"]
    return Database(
        **{
            **found,
            "slots": tuple(found["slots"]),
            "replaced": tuple(Replaced(r["name"], r["bytes"]) for r in found["replaced"]),
            "scratch": tuple(found["scratch"]),
            "locked_by": _printable(f"{holder['application']}, pid {holder['pid']}, since {holder['since']}")
            if holder
            else None,
        }
    )


def _backups(facts: Sequence[tuple[str, str]]) -> tuple[tuple[Backup, ...], tuple[str, ...]]:
    manifests: dict[str, Manifest] = {}
    for key, value in facts:
        if key == "manifest":
            name, _, text = value.removeprefix("./").partition("\t")
            if manifest := _manifest(text):
                manifests[name.removesuffix(".json")] = manifest
    backups, partial = [], []
    for key, value in facts:
        if key == "backup":
            size, seconds, name = value.split(" ", 2)
            if name.startswith("."):
                partial.append(name)
            else:
                backups.append(Backup(name, int(size), datetime.fromtimestamp(int(seconds), UTC), manifests.get(name)))
    return tuple(backups), tuple(partial)


def _manifest(text: str) -> Manifest | None:
    """A manifest that can't be read proves nothing, so it counts as none."""
    try:
        found = json.loads(text)
        return Manifest(
            sha256=str(found["sha256"]),
            taken_at=datetime.fromisoformat(found["taken_at"]).isoformat(),
            migration=found["migration"] and _printable(found["migration"]),
            database=_printable(found["database"]),
            server_version=int(found["server_version"]),
            verified=found["verified"] is True,
            restored_at=found["restored_at"] and datetime.fromisoformat(found["restored_at"]).isoformat(),
            rows={_printable(table): int(rows) for table, rows in found["tables"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _holder(text: str, step: str) -> Holder | None:
    try:
        found = json.loads(text)
        job, command, by, source, since = (_printable(str(found[key])) for key in ("job", "command", "by", "from", "since"))
        return Holder(job, command, by, source, since, _printable(step))
    except (ValueError, KeyError, TypeError):
        return None


def _audit(text: str) -> Mapping[str, Any]:
    """A line that isn't JSON (a disk was full in the middle of it) is shown as such, not hidden."""
    try:
        line = json.loads(text)
    except ValueError:
        return {"unreadable": _printable(text)}
    return line if isinstance(line, dict) else {"unreadable": _printable(text)}


def _printable(text: str) -> str:
    """No escape sequence from a server reaches the terminal."""
    return "".join(c if c.isprintable() else "�" for c in text)
