"""What runs on the test server, and ending it: always single processes that carry our own mark, never a group, a session or a name."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.server.machine import as_root, run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.server import Container

_MARKED = 'grep -slzxF "DEPLOY_TEST_SESSION=$1" /proc/[0-9]*/environ || true'
"""sshd gives its mark to whatever it starts, and that to its children, also to those that have detached themselves."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the machine. `job` tells whether it belongs to a job that was started apart from its connection."""

    pid: int
    words: str
    job: bool

    @property
    def is_docker_client(self) -> bool:
        return self.words.startswith(("docker ", "/usr/bin/docker ")) or "/real/docker " in self.words

    @property
    def is_job_shell(self) -> bool:
        return self.words in {"sh job.sh", "/bin/sh job.sh"}


def on_server(session: str) -> list[Process]:
    """Return what came in by this session's sshd and still runs."""
    listing = run(as_root("sh", "-c", _MARKED, "sh", session)).decode()
    pids = [int(Path(line).parent.name) for line in listing.splitlines()]
    found = {pid: words for pid in pids if (words := _words(pid))}
    leaders = {pid for pid, words in found.items() if words in {"sh job.sh", "/bin/sh job.sh"}}
    return [Process(pid, words, _session_of(pid) in leaders) for pid, words in sorted(found.items())]


def in_container(container: Container) -> list[Process]:
    """Return what runs in a container, by the numbers that the machine has for it."""
    listing = run(["docker", "top", container.name, "-eo", "pid,args"]).decode().splitlines()[1:]
    return [Process(int(pid), words, job=False) for pid, words in (line.split(maxsplit=1) for line in listing)]


def kill(processes: Iterable[Process], signal: str = "KILL") -> None:
    """Send them a signal; one that has ended meanwhile is no failure."""
    if pids := [str(process.pid) for process in processes if process.pid not in {0, 1, os.getpid()}]:
        subprocess.run(as_root("kill", f"-{signal}", *pids), check=False, capture_output=True)


def _words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _session_of(pid: int) -> int:
    try:
        after_the_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    except OSError:
        return -1
    return int(after_the_name.split()[3])
