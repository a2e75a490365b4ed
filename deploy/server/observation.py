"""One look at a server: one execution, everything that a decision needs, parsed without trust."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from deploy.job.runner import LARGEST_NUMBER, MOST_PARTS, UNREADABLE, json_from, parts, printable
from deploy.job.scripts import assignments, script, settings_head, sql
from deploy.model.backup import STAMP, Backup, Manifest, Origin
from deploy.model.errors import ServerTalksNonsense
from deploy.model.ledger import Ledger, LedgerRow
from deploy.model.migration import NAME
from deploy.model.observation import Database, Holder, Observation, Replaced

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deploy.model.settings import Settings
    from deploy.server.shell import Shell

TIMEOUT_S = 60.0


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
    done = shell.run(["sh", "-c", observation_script(settings, remote_dir, audit_lines)], timeout_s=TIMEOUT_S)
    stdout, stderr = (said.decode(errors="replace") for said in (done.stdout, done.stderr))
    return parse(shell.name, stdout, stderr, settings)


def observation_script(settings: Settings, remote_dir: str, audit_lines: int) -> str:
    """Render the script; it changes nothing on the server."""
    facts = ["server", "directory", "lock", "backups", "scripts", "database"]
    calls = [f"observe_{fact}" for fact in facts]
    if audit_lines:
        calls.append(f"observe_audit {audit_lines}")
    return "".join(
        [
            settings_head(settings, remote_dir),
            assignments({"observe_sql": sql("observe")}),
            script("postgres.sh"),
            script("observe.sh"),
            script("by_hand/install.sh"),
            *(f"{call}\n" for call in calls),
            "printf 'end\\n'\n",
        ]
    )


def parse(name: str, text: str, complaint: str, settings: Settings) -> Observation:
    """Read what the script printed.

    Raises:
        ServerTalksNonsense: it didn't print that.
    """
    if parts(text) > MOST_PARTS:
        raise ServerTalksNonsense(
            f"{name} answered with more than anybody has backups and migrations",
            hint="Look at what the login shell of that user prints, and at the files in backups/.",
        )
    facts = [line.partition(" ")[::2] for line in text.split("\n")]
    if ("end", "") not in facts:
        said = (text + complaint).strip().splitlines()
        raise ServerTalksNonsense(
            f"{name} didn't answer as a POSIX shell does: {printable(said[-1]) if said else 'it said nothing'}",
            hint="Look at what the login shell of that user is, and at what its profile prints.",
        )
    try:
        return _observation(facts, settings)
    except UNREADABLE as error:
        raise ServerTalksNonsense(
            f"{name} answered in a form that can't be read: {printable(str(error))}",
            hint="Look at what the login shell of that user prints, and at the files in backups/.",
        ) from error


def _observation(facts: Sequence[tuple[str, str]], settings: Settings) -> Observation:
    first: dict[str, str] = {}
    for key, value in facts:
        if key not in first:
            first[key] = printable(value)
    rows = tuple(_ledger_row(json_from(value)) for key, value in facts if key == "ledger")
    exists, writable = first["directory"].split()
    backups, partial = _backups(facts)
    answered = "database" in first and "database_end" in first
    database = _database(json_from(first["database"])) if answered else None
    return Observation(
        time=datetime.strptime(first["time"], STAMP).replace(tzinfo=UTC),
        here=Origin(settings.environment, settings.database, database.system if database else ""),
        user=first["user"],
        kernel=first["kernel"],
        lacks=tuple(first["lacks"].split()),
        directory_exists=exists == "yes",
        directory_writable=writable == "yes",
        free_bytes=_whole(first["free_kb"]) * 1024,
        database_free_bytes=_whole(first["database_free_kb"]) * 1024 if first.get("database_free_kb") else None,
        has_zstd=first.get("zstd") == "yes",
        migrations_sum=first.get("migrations_sum"),
        backups=backups,
        partial=partial,
        locked=first.get("lock") == "held",
        holder=_holder(first.get("holder", ""), first.get("step", "")),
        last_job=first.get("last_job"),
        audit=tuple(_audit(value) for key, value in facts if key == "audit"),
        database=database,
        database_error=first.get("database_error", ""),
        container_state=first.get("container"),
        container_error=first.get("container_error", ""),
        foreign_ledger=first.get("has_ledger") == "foreign",
        ledger=Ledger(exists="has_ledger" in first, rows=rows),
        scripts={name: found for key, value in facts if key == "script" for name, found in [printable(value).split()]},
    )


def _whole(found: Any) -> int:  # noqa: ANN401 - JSON, or a word
    """Read a whole number; one that neither PostgreSQL nor a disk counts to is nonsense, and no float could hold it."""
    number = int(found)
    if abs(number) >= LARGEST_NUMBER:
        raise ValueError(f"{str(number)[:20]}… is no number that a server can mean")
    return number


def _ledger_row(row: Mapping[str, Any]) -> LedgerRow:
    name = str(row["name"])
    if not NAME.fullmatch(name):
        raise ValueError(f"the ledger has a row that is no migration: {name}")
    return LedgerRow(
        name=name,
        sha256=str(row["sha256"]),
        way=str(row["way"]),
        started_at=str(row["started_at"]),
        finished_at=None if row["finished_at"] is None else str(row["finished_at"]),
        duration_ms=None if row["duration_ms"] is None else _whole(row["duration_ms"]),
        deploy_id=str(row["deploy_id"]),
    )


def _database(found: Mapping[str, Any]) -> Database:
    holder = found["locked_by"]
    values: dict[str, Any] = {key: str(found[key]) for key in ("name", "owner", "user", "encoding", "system")}
    values |= {key: _whole(found[key]) for key in ("version", "bytes", "tables", "prepared", "subscriptions")}
    values |= {key: found[key] is True for key in ("standby", "superuser", "createdb", "owns")}
    return Database(
        **values,
        slots=tuple(str(slot) for slot in found["slots"]),
        replaced=tuple(
            Replaced(str(r["name"]), _whole(r["bytes"])) for r in found["replaced"] if _has_time(str(r["name"]))
        ),
        scratch=tuple(str(name) for name in found["scratch"]),
        extensions=tuple(str(name) for name in found.get("extensions", [])),
        locked_by=f"{holder['application']}, pid {holder['pid']}, since {holder['since']}" if holder else None,
    )


def _has_time(name: str) -> bool:
    """Somebody else's database may end in digits that are no time."""
    try:
        datetime.strptime(name[-15:], STAMP).replace(tzinfo=UTC)
    except ValueError:
        return False
    return True


def _backups(facts: Sequence[tuple[str, str]]) -> tuple[tuple[Backup, ...], tuple[str, ...]]:
    manifests: dict[str, Manifest] = {}
    for key, value in facts:
        if key == "manifest":
            name, _, text = value.removeprefix("./").partition("\t")
            if manifest := manifest_from(text):
                manifests[printable(name.removesuffix(".json"))] = manifest
    backups, partial = [], []
    for key, value in facts:
        if key == "backup":
            size, seconds, name = printable(value).split(" ", 2)
            if name.startswith("."):
                partial.append(name)
            else:
                backups.append(
                    Backup(name, _whole(size), datetime.fromtimestamp(_whole(seconds), UTC), manifests.get(name))
                )
    return tuple(backups), tuple(partial)


def manifest_from(text: str) -> Manifest | None:
    """A manifest that can't be read proves nothing, so it counts as none."""
    try:
        found = json_from(text)
        return Manifest(
            sha256=str(found["sha256"]),
            taken_at=_moment(found["taken_at"]),
            migration=None if found["migration"] is None else str(found["migration"]),
            origin=_origin(found),
            server_version=_whole(found["server_version"]),
            verified=found["verified"] is True,
            restored_at=None if found["restored_at"] is None else _moment(found["restored_at"]),
            rows={str(table): _whole(rows) for table, rows in found["tables"].items()},
        )
    except UNREADABLE:
        return None


def _origin(found: Mapping[str, Any]) -> Origin | None:
    origin = Origin(*(str(found.get(key) or "") for key in ("environment", "database", "system")))
    return origin if all((origin.environment, origin.database, origin.system)) else None


def _moment(text: str) -> str:
    """A time without its zone can't be compared with one that has it."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC).isoformat()


def _holder(text: str, step: str) -> Holder | None:
    try:
        found = json_from(text)
        job, command, by, source, since = (str(found[key]) for key in ("job", "command", "by", "from", "since"))
        return Holder(job, command, by, source, since, step)
    except UNREADABLE:
        return None


def _audit(text: str) -> Mapping[str, Any]:
    """A line that isn't JSON (a disk was full in the middle of it) is shown as such, not hidden."""
    try:
        line = json_from(text)
    except UNREADABLE:
        return {"unreadable": printable(text)}
    return line if isinstance(line, dict) else {"unreadable": printable(text)}
