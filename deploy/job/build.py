"""A job in the making: its files, and the one sh script that its steps are rendered to."""

from __future__ import annotations

import io
import json
import secrets
import shlex
from dataclasses import dataclass
from hashlib import sha256
from tarfile import GNU_FORMAT, TarInfo
from typing import TYPE_CHECKING

from deploy.job.scripts import PLAIN_OPTIONS, assignments, script, settings_head, sql
from deploy.model.backup import STAMP
from deploy.model.job import Job, Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from tarfile import TarFile

    from deploy.model.observation import Database, Observation
    from deploy.model.settings import Settings
    from deploy.project import Author

TAR_FORMAT = GNU_FORMAT
"""Every tar reads its long names, and names beyond ASCII as they are; busybox ignores what pax writes them in."""

BEGIN = Step("tidy up", ("tidy",))
"""Every job begins with taking away what a killed one left; the lock says that nobody else is at work."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Where and by whom a job runs: all that isn't in its plan."""

    seen: Observation
    database: Database | None
    settings: Settings
    remote_dir: str
    author: Author


class Build:
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
        self.add(job_library())
        self.files["job.sh"] = self._script(steps, decided, variables).encode()
        sums = "".join(f"{sha256(content).hexdigest()}  {path}\n" for path, content in sorted(self.files.items()))
        self.files["SHA256SUMS"] = sums.encode()
        return Job(self.job_id, self.mark, self.command, self.files)

    def _script(self, steps: Sequence[Step], decided: Mapping[str, object], variables: Mapping[str, object]) -> str:
        author = self.at.author
        who = {"by": author.by, "from": author.source, "commit": author.commit, "tool": author.version}
        head = {
            "mark": self.mark,
            "job_id": self.job_id,
            "command": self.command,
            "job": f"{self.at.remote_dir}/.deploy/jobs/{self.job_id}",
            "who_json": _fields(who),
            "plan_json": _fields(
                {"plan": decided, "database_bytes": self.at.database.bytes if self.at.database else None}
            ),
            "ended_json": "",
            "migration_json": "null",
            "tool_version": author.version,
            "system": self.at.database.system if self.at.database else "",
            "server_version": self.at.database.version if self.at.database else 0,
            "pg_options": _options(self.at.database),
        }
        return "".join(
            [
                "set -u\n",
                settings_head(self.at.settings, self.at.remote_dir),
                assignments({**head, **variables}),
                *(f'. "$job/sh/{name}"\n' for name in JOB_SH),
                "begin_job\n",
                *(f"step {shlex.quote(step.name)} {shlex.join(step.argv)}\n" for step in steps),
                "succeed done\n",
            ]
        )


JOB_SH = (
    "runner.sh",
    "postgres.sh",
    "lock.sh",
    "progress.sh",
    "backup.sh",
    "apply.sh",
    "restore.sh",
    "rehearse.sh",
    "drift.sh",
    "swap.sh",
    "in_place.sh",
    "repair.sh",
    "salvage.sh",
    "by_hand/install.sh",
)
"""What a job's script sources, in this order."""

JOB_SQL = (
    "hold",
    "settle",
    "blocker",
    "create_like",
    "dress_like",
    "drop_side",
    "compare_rows",
    "count_rows",
    "ledger_names",
    "oid",
    "swap",
    "unfence",
    "fence",
    "check_side",
    "lacking",
    "lock_tables",
    "take_tables",
    "wipe",
    "written",
    "repair",
    "watch_locks",
    "timed",
    "timed_end",
    "shortfalls",
    "contents",
    "side_size",
)


def _options(database: Database | None) -> str:
    """Render the settings of a job's own sessions. What greets a login must neither stop them nor write down that they came."""
    if not database or database.major < 17:  # noqa: PLR2004 - the version that brought them
        return PLAIN_OPTIONS
    return f"{PLAIN_OPTIONS} -c transaction_timeout=0" + " -c event_triggers=off" * database.superuser


def job_library() -> dict[str, bytes]:
    """Return the sh and SQL files that any job may use, by their paths in its directory."""
    beside = ("run_inside.sh", "quotes.awk", "inspect.awk", "restore_custom.sh", "for_side.awk")
    sh = {f"sh/{name}": script(name).encode() for name in (*JOB_SH, *beside)}
    return sh | {f"sql/{name}.sql": sql(name).encode() for name in JOB_SQL}


def _fields(values: Mapping[str, object]) -> str:
    """Render the inside of a JSON object, in one line of ASCII."""
    return json.dumps(values)[1:-1]


def add_file(tar: TarFile, path: str, content: bytes, *, mode: int) -> None:
    """Add one file to an archive."""
    info = TarInfo(path)
    info.size = len(content)
    info.mode = mode
    tar.addfile(info, io.BytesIO(content))
