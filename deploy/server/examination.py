"""A closer look at a server, for the doctor: one execution, parsed without trust."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deploy.job.runner import printable
from deploy.job.scripts import script, settings_head
from deploy.model.examination import Examination

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.model.settings import Settings
    from deploy.server.shell import Shell

TIMEOUT_S = 60.0
PROGRAMS = ("psql", "pg_dump", "pg_restore")


def examine(shell: Shell, settings: Settings, remote_dir: str, *, database_answers: bool) -> Examination:
    """Look at what no other command has to know; what can't be found out is left open."""
    text = examination_script(settings, remote_dir, database_answers=database_answers)
    done = shell.run(["sh", "-c", text], timeout_s=TIMEOUT_S, limit=2**20)
    return parse(done.stdout.decode(errors="replace"))


def examination_script(settings: Settings, remote_dir: str, *, database_answers: bool) -> str:
    """Render the script; it changes nothing on the server."""
    parts = ["system", "login", "cron", "docker", *(["where_the_database_is", "replaced"] if database_answers else [])]
    calls = "".join(f"examine_{part}\n" for part in parts)
    return settings_head(settings, remote_dir) + script("postgres.sh") + script("examine.sh") + calls


def parse(text: str) -> Examination:
    """Read what the script printed."""
    facts = [printable(line).partition(" ")[::2] for line in text.split("\n")]
    first: dict[str, str] = {}
    for key, value in facts:
        first.setdefault(key, value)
    inodes = first.get("free_inodes", "")
    return Examination(
        system=first.get("system", ""),
        free_inodes=int(inodes) if re.fullmatch("[0-9]{1,18}", inodes) else None,
        session=first.get("session", ""),
        kills=_words(first.get("KillUserProcesses", ""))[-1:] in (["true"], ["yes"], ["1"], ["on"]),
        kill_excludes=tuple(_words(first.get("KillExcludeUsers", ""))) or ("root",),
        kill_only=tuple(_words(first.get("KillOnlyUsers", ""))),
        cron=first.get("cron", ""),
        docker=first.get("docker", ""),
        lacks_there=_all(facts, "lacks_there"),
        tmp_there={"yes": True, "no": False}.get(first.get("tmp", "")),
        versions={program: first[program] for program in PROGRAMS if program in first} or None,
        open_replaced=_all(facts, "open_replaced"),
    )


def _all(facts: Sequence[tuple[str, ...]], wanted: str) -> tuple[str, ...]:
    return tuple(value for key, value in facts if key == wanted)


def _words(value: str) -> list[str]:
    """Read a value of logind, from its file (`root deployer`) or from the bus (`b true`, `as 2 "root" "deployer"`)."""
    return [word.strip('"') for word in re.sub(r"^(?:b|as [0-9]+) ?", "", value).split()]
