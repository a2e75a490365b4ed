"""Plans compiled to jobs: named steps, rendered to one sh script with the files that it needs."""

from __future__ import annotations

import io
import json
import secrets
import shlex
import tarfile
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from deploy.check.transactions import Way
from deploy.job.scripts import APPLY_KEY, assignments, script, settings_head, sql
from deploy.model.backup import STAMP
from deploy.model.job import Job, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from deploy.model.observation import Database, Observation
    from deploy.model.settings import Settings
    from deploy.plan.release import Pending, ReleasePlan
    from deploy.plan.rollback import RollbackPlan
    from deploy.project import Author, SourceFile

LOCK_TRIES = 5
"""How often a migration is tried whose lock was not had within lock_timeout."""

ANSWER_WITHIN_S = 600
"""How long a job waits for the operator's yes."""

IDLE_IN_TRANSACTION_MS = 600_000
"""A session that applies and has lost its psql ends after this."""

APPLY_SQL = (
    "session",
    "reset_session",
    "begin_transaction",
    "begin_outside",
    "finish_transaction",
    "finish_outside",
    "check_indexes",
    "ledger",
    "baseline",
)


@dataclass(frozen=True, slots=True)
class Setting:
    """Where and by whom a job runs: all that isn't in its plan."""

    seen: Observation
    database: Database | None
    settings: Settings
    remote_dir: str
    author: Author


def compile_release(plan: ReleasePlan, at: Setting, files: Sequence[SourceFile]) -> Job:
    """Compile a deploy. `files` is the migrations directory, to be put on the server as a whole."""
    build = _Build("deploy", at)
    steps = [Step("tidy up", ("tidy",)), Step("lock the database", ("hold_database", plan.ledger_fingerprint))]
    if plan.backup:
        steps.append(Step("back up", ("back_up", plan.backup, "pre_deploy")))
    if plan.upload:
        build.add({f"migrations/{f.path}": f.content for f in files})
        steps.append(Step("install migrations", ("install_migrations",)))
    if plan.pending or plan.baseline:
        build.add({"run.tar": _run_tar(plan, build.job_id, build.mark, at)})
        steps.append(Step("apply", ("apply_migrations", at.settings.database, str(len(plan.pending)))))
    if plan.prune:
        steps.append(Step("prune backups", ("prune", *plan.prune)))
    decided = {
        "files": [{"name": p.migration.name, "sha256": p.migration.sha256} for p in plan.pending],
        "baseline": [m.name for m in plan.baseline],
        "backup": plan.backup,
    }
    return build.job(
        steps,
        decided,
        migration_json=json.dumps(plan.last_applied),
        apply_options=_apply_options(at),
        lock_tries=LOCK_TRIES,
        watch_s=_watch_interval_s(at.settings.lock_timeout_ms),
    )


def compile_rollback(plan: RollbackPlan, at: Setting, *, assume_yes: bool) -> Job:
    """Compile a rollback; without `assume_yes` the job asks before the swap."""
    build = _Build("rollback", at)
    manifest_sum = plan.backup.manifest.sha256 if plan.backup.manifest else ""
    steps = [
        Step("tidy up", ("tidy",)),
        Step("lock the database", ("hold_database", plan.ledger_fingerprint)),
        Step("check the backup", ("check_backup", f"{at.remote_dir}/backups/{plan.backup.name}", manifest_sum)),
        Step("create the side database", ("create_side", plan.side)),
        Step("restore", ("restore_side",)),
        Step("compare", ("compare_side",)),
        Step("give it the live database's properties", ("dress_side",)),
        Step("show what changes", ("show_changes",)),
        Step("ask", ("confirm",)),
        Step("back up what is live", ("back_up", plan.safety, "pre_rollback")),
        Step("swap", ("swap", plan.replaced)),
    ]
    if plan.prune:
        steps.append(Step("prune backups", ("prune", *plan.prune)))
    decided = {"backup": plan.backup.name, "safety_backup": plan.safety, "replaced_database": plan.replaced}
    return build.job(
        steps,
        decided,
        migration_json=json.dumps(plan.last_applied),
        assume_yes="yes" if assume_yes else "no",
        answer_within_s=ANSWER_WITHIN_S,
    )


def compile_repair(at: Setting) -> Job:
    """Compile what takes away that which a killed server left."""
    return _Build("repair", at).job([Step("tidy up", ("tidy",)), Step("repair the database", ("repair_database",))], {})


class _Build:
    """A job in the making."""

    def __init__(self, command: str, at: Setting) -> None:
        self.command = command
        self.at = at
        self.mark = secrets.token_hex(8)
        self.job_id = f"{at.seen.time.strftime(STAMP)}_{self.mark[:8]}"
        self.files: dict[str, bytes] = {}

    def add(self, files: Mapping[str, bytes]) -> None:
        self.files |= files

    def job(self, steps: Sequence[Step], decided: Mapping[str, object], **variables: object) -> Job:
        """Put the script together; `decided` is what the audit says of the plan."""
        sh = ("runner.sh", "postgres.sh", "lock.sh", "backup.sh", "apply.sh", "restore.sh", "swap.sh", "repair.sh")
        self.add({f"sh/{name}": script(name).encode() for name in (*sh, "run_inside.sh", "inspect.awk")})
        self.add({f"sql/{name}.sql": sql(name).encode() for name in JOB_SQL})
        self.files["job.sh"] = self._script(sh, steps, decided, variables).encode()
        sums = "".join(f"{sha256(content).hexdigest()}  {path}\n" for path, content in sorted(self.files.items()))
        self.files["SHA256SUMS"] = sums.encode()
        return Job(self.job_id, self.mark, self.command, self.files)

    def _script(
        self, sh: Iterable[str], steps: Sequence[Step], decided: Mapping[str, object], variables: Mapping[str, object]
    ) -> str:
        author = self.at.author
        who = {"by": author.by, "from": author.source, "commit": author.commit, "tool": author.version}
        head = {
            "mark": self.mark,
            "job_id": self.job_id,
            "command": self.command,
            "job": f"{self.at.remote_dir}/.deploy/jobs/{self.job_id}",
            "who_json": _fields(who),
            "plan_json": _fields({"plan": decided}),
            "ended_json": "",
            "migration_json": "null",
            "tool_version": author.version,
            "system": self.at.database.system if self.at.database else "",
            "server_version": self.at.database.version if self.at.database else 0,
        }
        return "".join(
            [
                "set -u\n",
                settings_head(self.at.settings, self.at.remote_dir),
                assignments({**head, **variables}),
                *(f'. "$job/sh/{name}"\n' for name in sh),
                "begin_job\n",
                *(f"step {shlex.quote(step.name)} {shlex.join(step.argv)}\n" for step in steps),
                "succeed done\n",
            ]
        )


JOB_SQL = (
    "hold",
    "settle",
    "blocker",
    "create_like",
    "dress_like",
    "drop_side",
    "count_rows",
    "ledger_names",
    "oid",
    "swap",
    "unfence",
    "repair",
)


def _fields(values: Mapping[str, object]) -> str:
    """Render the inside of a JSON object, in one line of ASCII."""
    return json.dumps(values)[1:-1]


def _watch_interval_s(lock_timeout_ms: int) -> float:
    """How often to look who blocks: at least once within a lock_timeout, at most every two seconds."""
    return min(2.0, max(0.3, lock_timeout_ms / 2500)) if lock_timeout_ms else 2.0


def _apply_options(at: Setting) -> str:
    """Render the settings of the session that applies, to which RESET ALL goes back."""
    options = {
        "lock_timeout": at.settings.lock_timeout_ms,
        "statement_timeout": at.settings.statement_timeout_ms,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_MS,
    }
    if at.database and at.database.major >= 14:  # noqa: PLR2004 - the version that brought it
        options["client_connection_check_interval"] = 1000
    return " ".join(f"-c {name}={value}" for name, value in options.items())


def _run_tar(plan: ReleasePlan, job_id: str, mark: str, at: Setting) -> bytes:
    """Pack what psql reads: the driver, its SQL, and the files as they are to be run; the sums of all of them last."""
    files = {f"migrations/{p.migration.name}": p.text for p in plan.pending}
    files |= {f"sql/{name}.sql": sql(name).encode() for name in APPLY_SQL}
    files["main.sql"] = driver(plan, job_id, mark, at).encode()
    files["SHA256SUMS"] = "".join(
        f"{sha256(content).hexdigest()}  {path}\n" for path, content in files.items()
    ).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, content in files.items():
            add_file(tar, path, content, mode=0o644)
    return packed.getvalue()


def add_file(tar: tarfile.TarFile, path: str, content: bytes, *, mode: int) -> None:
    """Add one file to an archive."""
    info = tarfile.TarInfo(path)
    info.size = len(content)
    info.mode = mode
    tar.addfile(info, io.BytesIO(content))


def driver(plan: ReleasePlan, job_id: str, mark: str, at: Setting) -> str:
    """Write the SQL that takes psql through the run; `@DIR@` becomes the directory where it lies."""
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
    lines = [head, "\\i '@DIR@/sql/session.sql'\n\\i '@DIR@/sql/ledger.sql'\n"]
    for migration in plan.baseline:
        lines.append(_variables({"deploy_name": migration.name, "deploy_sha256": migration.sha256}))
        lines.append("\\i '@DIR@/sql/baseline.sql'\n")
    lines.append("-- files\n")
    for number, pending in enumerate(plan.pending, start=1):
        lines.append(f"-- file {number}\n{_drive(pending, head, mark)}")
    return "".join(lines)


def _drive(pending: Pending, head: str, mark: str) -> str:
    """Write the SQL around one file. The variables come again: the file before may have set them."""
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
        head,
        _variables(variables),
        _warn(mark, {"event": "migration", "name": name}),
        f"\\i '@DIR@/sql/begin_{way}.sql'\n",
        f"\\i '@DIR@/migrations/{name}'\n",
        head + _variables(variables | {"deploy_invalid": None}) if pending.reading.variables else "",
        "\\i '@DIR@/sql/check_indexes.sql'\n" if indexes and not outside else "",
        f"\\i '@DIR@/sql/finish_{way}.sql'\n",
        _warn(mark, {"event": "applied", "name": name}),
        *(f"\\unset {variable}\n" for variable in pending.reading.variables),
    ]
    return "".join(lines)


def _variables(values: Mapping[str, object]) -> str:
    return "".join(f"\\set {name} {_psql_quote(str(value))}\n" for name, value in values.items() if value is not None)


def _psql_quote(text: str) -> str:
    """Quote an argument of a psql meta-command: C escapes work in there, and a quote is doubled."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _warn(mark: str, event: Mapping[str, object]) -> str:
    return f"\\warn {_psql_quote(f'@{mark} {json.dumps(event)}')}\n"


def _array(names: Iterable[str]) -> str:
    """Render a PostgreSQL array literal of names."""
    quoted = ('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in names)
    return "{" + ",".join(quoted) + "}"
