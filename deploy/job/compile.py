"""Plans compiled to jobs: named steps, rendered to one sh script with the files that it needs."""

from __future__ import annotations

import io
import json
import tarfile
from hashlib import sha256
from typing import TYPE_CHECKING

from deploy.check.transactions import Way
from deploy.job.build import BEGIN, TAR_FORMAT, Build, add_file
from deploy.job.by_hand import INSTALL, by_hand_files
from deploy.job.outcome import COPY
from deploy.job.scripts import APPLY_KEY, sql, stem
from deploy.model.backup import STAMP
from deploy.model.job import Job, Step
from deploy.model.settings import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deploy.job.build import Setting
    from deploy.model.migration import Migration
    from deploy.plan.release import Pending, ReleasePlan
    from deploy.project import SourceFile

MEASURED = "-- in run 1: "
"""Begins a line of the driver that is run only in the first run of a rehearsal; run_inside.sh takes it away then."""

LOCK_TRIES = 5
"""How often a migration is tried whose lock was not had within lock_timeout."""

IDLE_IN_TRANSACTION_MS = 600_000
"""A session that applies and has lost its psql ends after this."""

STOP = "\\set ON_ERROR_STOP on\n\\set VERBOSITY verbose\n"
r"""Whether psql stops at an \i is settled where the \i stands, not in the file that it reads."""

RESET_PSQL = "\\i '@DIR@/sql/reset_psql.sql'\n"

APPLY_SQL = (
    "session",
    "reset_psql",
    "begin_transaction",
    "begin_outside",
    "finish_transaction",
    "finish_outside",
    "check_indexes",
    "measure_before",
    "measure",
    "ledger",
    "baseline",
)


def compile_release(plan: ReleasePlan, at: Setting, files: Sequence[SourceFile]) -> Job:
    """Compile a deploy. `files` is the migrations directory, to be put on the server as a whole."""
    build = Build("deploy", at)
    steps = [BEGIN, Step("lock the database", ("hold_database", plan.ledger_fingerprint))]
    if plan.pending or plan.baseline:
        build.add({"run.tar": _run_tar(plan.pending, plan.baseline, build.job_id, build.mark, at)})
    if plan.backup:
        steps.append(Step("back up", ("back_up", plan.backup, "pre_deploy")))
        steps += _rehearsing(plan, at)
        if plan.rehearsal.restore:
            steps.append(Step("write the proof", ("prove", plan.backup, "pre_deploy", "")))
    if plan.upload:
        build.add({f"migrations/{f.path}": f.content for f in files})
        steps.append(Step("install migrations", ("install_migrations",)))
    if plan.install:
        build.add(by_hand_files(at.settings, at.remote_dir, at.author.version))
        steps.append(INSTALL)
    if plan.pending or plan.baseline:
        steps.append(Step("apply", ("apply_migrations", at.settings.database, str(len(plan.pending)))))
    if plan.prune:
        steps.append(Step("prune backups", ("prune", *plan.prune)))
    if plan.forget:
        steps.append(Step("drop replaced databases", ("forget_old", *plan.forget)))
    decided = {
        "files": [{"name": p.migration.name, "sha256": p.migration.sha256} for p in plan.pending],
        "baseline": [m.name for m in plan.baseline],
        "backup": plan.backup,
    }
    return build.job(steps, decided, migration_json=json.dumps(plan.last_applied), **_applying(plan.pending, at))


def compile_rehearsal(plan: ReleasePlan, at: Setting) -> Job:
    """Compile a deploy's rehearsal alone: its backup is not published, and goes with the copy."""
    build = Build("rehearse", at)
    build.add({"run.tar": _run_tar(plan.pending, plan.baseline, build.job_id, build.mark, at)})
    steps = [
        BEGIN,
        Step("lock the database", ("hold_database", plan.ledger_fingerprint)),
        Step(
            "take a backup to rehearse on",
            ("write_backup", f"rehearsal_{build.job_id}{SUFFIXES[at.settings.backup_format]}"),
        ),
        *_rehearsing(plan, at),
    ]
    decided = {"files": [{"name": p.migration.name, "sha256": p.migration.sha256} for p in plan.pending]}
    return build.job(steps, decided, **_applying(plan.pending, at))


def compile_drift(files: Sequence[Pending], init: str | None, at: Setting) -> Job:
    """Compile the building of a schema from files alone, and the saving of both schemas; `init` is SQL that comes before them."""
    build = Build("drift", at)
    build.add({"run.tar": _run_tar(files, (), build.job_id, build.mark, at)})
    steps = [BEGIN, Step("create a scratch database", ("create_scratch", _side(at)))]
    if init is not None:
        build.add({"init.sql": init.encode()})
        steps.append(Step("initialize it", ("initialize_scratch",)))
    if files:
        steps.append(Step("apply every migration there", ("migrate_scratch", str(len(files)))))
    steps += [Step("compare", ("save_schemas",)), Step("drop the scratch database", ("drop_copy",))]
    return build.job(steps, {"files": len(files)}, **_applying(files, at))


def _side(at: Setting) -> str:
    return f"{stem(at.settings.database)}_side_{at.seen.time.strftime(STAMP)}"


def _rehearsing(plan: ReleasePlan, at: Setting) -> list[Step]:
    if not plan.rehearsal.restore:
        return []
    runs = [Step("rehearse", ("rehearse", str(len(plan.pending))))] if plan.rehearsal.runs else []
    return [Step(COPY, ("restore_copy", _side(at))), *runs, Step("drop the copy", ("drop_copy",))]


def _applying(files: Sequence[Pending], at: Setting) -> dict[str, object]:
    return {
        "apply_options": _apply_options(at),
        "lock_tries": LOCK_TRIES,
        "watch_s": min(
            _watch_interval_s(at.settings.lock_timeout_ms if own is None else own)
            for own in (None, *(p.reading.directives.lock_timeout_ms for p in files))
        ),
    }


def _watch_interval_s(lock_timeout_ms: int) -> float:
    """How often to look who blocks: at least once within a lock_timeout, at most every two seconds."""
    return min(2.0, max(0.3, lock_timeout_ms / 2500)) if lock_timeout_ms else 2.0


def _apply_options(at: Setting) -> str:
    """Render the settings of the session that applies, to which RESET ALL goes back."""
    options: dict[str, object] = {
        "lock_timeout": at.settings.lock_timeout_ms,
        "statement_timeout": at.settings.statement_timeout_ms,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_MS,
    }
    if at.database and at.database.superuser:
        options["lc_messages"] = "C"  # the words by which a lost lock is told from an error
    if at.database and at.database.major >= 14:  # noqa: PLR2004 - the version that brought it
        options["client_connection_check_interval"] = 1000
    return " ".join(f"-c {name}={value}" for name, value in options.items())


def _run_tar(pending: Sequence[Pending], baseline: Sequence[Migration], job_id: str, mark: str, at: Setting) -> bytes:
    """Pack what psql reads: the driver, its SQL, and the files as they are to be run; the sums of all of them last."""
    files = {f"migrations/{p.migration.name}": p.text for p in pending}
    files |= {f"sql/{name}.sql": sql(name).encode() for name in APPLY_SQL}
    files["main.sql"] = driver(pending, baseline, job_id, mark, at).encode()
    files["SHA256SUMS"] = "".join(
        f"{sha256(content).hexdigest()}  {path}\n" for path, content in files.items()
    ).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=TAR_FORMAT, encoding="utf-8") as tar:
        for path, content in files.items():
            add_file(tar, path, content, mode=0o644)
    return packed.getvalue()


def driver(pending: Sequence[Pending], baseline: Sequence[Migration], job_id: str, mark: str, at: Setting) -> str:
    """Write the SQL that takes psql through the run; run_inside.sh puts the directory in for `@DIR@`, and the run for `@RUN@`."""
    author = at.author
    head = _variables(
        {
            "deploy_schema": at.settings.ledger_schema,
            "ledger_schema": at.settings.ledger_schema,
            "apply_key": APPLY_KEY,
            "deploy_mark": f"@{mark}",
            "deploy_id": job_id,
            "deploy_by": author.by,
            "deploy_from": author.source,
            "deploy_commit": author.commit or "",
            "deploy_version": author.version,
        }
    )
    lines = [head, "\\i '@DIR@/sql/session.sql'\n\\i '@DIR@/sql/ledger.sql'\n", RESET_PSQL]
    for migration in baseline:
        lines.append(_variables({"deploy_name": migration.name, "deploy_sha256": migration.sha256}))
        lines.append("\\i '@DIR@/sql/baseline.sql'\n")
    lines.append("-- files\n")
    for number, file in enumerate(pending, start=1):
        lines.append(f"-- file {number}\n{_drive(file, head, mark)}")
    return "".join(lines)


def _drive(pending: Pending, head: str, mark: str) -> str:
    r"""Write the SQL around one file.

    Only a file with a backslash in it can have a psql command, and so change what psql itself remembers: behind any other, setting it
    all again would cost more than the file does.
    """
    name = pending.migration.name
    outside = pending.reading.way is Way.OUTSIDE
    way = "outside" if outside else "transaction"
    indexes = [index for _, index in pending.reading.indexes]
    variables = {
        "deploy_name": name,
        "deploy_sha256": pending.migration.sha256,
        "deploy_way": way,
        "deploy_begin": pending.reading.begin,
        "deploy_indexes": _array(indexes),
        "deploy_concurrent": _array([index for _, index in pending.reading.concurrent_indexes]),
        "deploy_invalid": "{}",
    }
    lines = [
        _variables(variables),
        _warn(mark, {"event": "migration", "name": name}),
        f"\\i '@DIR@/sql/begin_{way}.sql'\n",
        f"{MEASURED}\\i '@DIR@/sql/measure_before.sql'\n",
        *_timeouts(pending, "SET" if outside else "SET LOCAL"),
        f"\\i '@DIR@/migrations/{name}'\n",
    ]
    may_command_psql = b"\\" in pending.text
    if may_command_psql:
        lines += [STOP, head, _variables(variables | {"deploy_invalid": None})]
    lines += [f"{MEASURED}\\i '@DIR@/sql/measure.sql'\n"]
    lines += [f"\\i '@DIR@/sql/finish_{way}.sql'\n", _warn(mark, {"event": "applied", "name": name})]
    if may_command_psql:
        lines += [f"\\unset {variable}\n" for variable in pending.reading.variables]
        lines += [STOP, head, RESET_PSQL]
    return "".join(lines)


def _timeouts(pending: Pending, how: str) -> Iterator[str]:
    """Write what the file's directives ask for; what finishes a file resets it."""
    for name in ("lock_timeout", "statement_timeout"):
        ms = getattr(pending.reading.directives, f"{name}_ms")
        if ms is not None:
            yield f"{how} {name} = {ms};\n"


def _variables(values: Mapping[str, object]) -> str:
    return "".join(f"\\set {name} {_psql_quote(str(value))}\n" for name, value in values.items() if value is not None)


def _psql_quote(text: str) -> str:
    """Quote an argument of a psql meta-command, which ends with its line: C escapes work in there, and a quote is doubled."""
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return "'" + escaped.replace("'", "''") + "'"


def _warn(mark: str, event: Mapping[str, object]) -> str:
    """Write an event; `@RUN@` becomes the run of a rehearsal, or 0. Its line end is in the same piece, or psql would send two."""
    line = f'@{mark} {json.dumps(event)[:-1]}, "run": @RUN@}}\n'
    return f"\\warn -n {_psql_quote(line)}\n"


def _array(names: Iterable[str]) -> str:
    """Render a PostgreSQL array literal of names."""
    quoted = ('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in names)
    return "{" + ",".join(quoted) + "}"
