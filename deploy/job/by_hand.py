"""`backup-db.sh` and `restore-db.sh`, for the night when only ssh works, and the library that they stand on."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from deploy.job.build import BEGIN, JOB_SH, Build, job_library
from deploy.job.compile_backups import ANSWER_WITHIN_S
from deploy.job.outcome import reasons_table
from deploy.job.scripts import assignments, script, settings_head, sql
from deploy.model.job import Job, Step
from deploy.model.observation import FOREIGN
from deploy.model.settings import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.job.build import Setting
    from deploy.model.observation import Observation
    from deploy.model.settings import Settings

SCRIPTS = ("backup-db.sh", "restore-db.sh")

INSTALL = Step("install scripts", ("install_scripts",))


def by_hand_files(settings: Settings, remote_dir: str, version: str) -> dict[str, bytes]:
    """Return the files that the step INSTALL puts in place, by their paths in the job's directory."""
    head = {
        "backup_suffix": SUFFIXES[settings.backup_format],
        "keep_backups": settings.keep_backups,
        "keep_days": settings.keep_days,
        "answer_within_s": ANSWER_WITHIN_S,
        "tool_version": version,
        "job_parts": " ".join(JOB_SH),
    }
    lib = {
        **job_library(),
        "settings.sh": ("# shellcheck shell=sh\n" + settings_head(settings, remote_dir) + assignments(head)).encode(),
        "reasons": reasons_table().encode(),
        "job.sh": script("by_hand/job.sh").encode(),
        "sql/by_hand.sql": sql("by_hand").encode(),
        **{f"sh/{name}": script(name).encode() for name in ("start.sh", "follow.sh", "cancel.sh")},
        **{f"sh/{name}": script(f"by_hand/{name}").encode() for name in ("by_hand.sh", "tell.sh", "origin.sh")},
    }
    sums = "".join(f"{sha256(content).hexdigest()}  {path}\n" for path, content in sorted(lib.items()))
    return {
        **{f"lib/{path}": content for path, content in lib.items()},
        "lib/SHA256SUMS": sums.encode(),
        **{name: script(f"by_hand/{name}").encode() for name in SCRIPTS},
    }


def is_outdated(seen: Observation, files: Mapping[str, bytes]) -> bool:
    """Would INSTALL change anything? A script that is the team's own stays, and where both are, nothing of ours is of use."""
    ours = [name for name in SCRIPTS if seen.scripts.get(name) != FOREIGN]
    wanted = {"lib": files["lib/SHA256SUMS"]} | {name: files[name] for name in ours}
    return bool(ours) and any(seen.scripts.get(name) != sha256(content).hexdigest() for name, content in wanted.items())


def compile_install(at: Setting, files: Mapping[str, bytes]) -> Job:
    """Compile a job that does nothing else."""
    build = Build("schedule", at)
    build.add(files)
    return build.job([BEGIN, INSTALL], {})
