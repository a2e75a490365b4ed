"""Somebody at a keyboard: what is typed and what is answered, written down."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.server.machine import CommandFailed
from tests.transcripts.settle import settle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.server import Site

ANNA = {"LOGNAME": "anna", "COLUMNS": "100"}
SHELLS_WORDS = re.compile(r"Connection to \S+ closed\.")


class Stage:
    """A site that is played on. Each scene is a part of the transcript, by its name."""

    def __init__(self, site: Site) -> None:
        self.site = replace(site, env={**site.env, **ANNA})
        self._scene = ""
        self._lines: list[tuple[str, str]] = []

    def scene(self, name: str) -> None:
        """Begin a scene; what follows belongs to it."""
        self._scene = name

    def note(self, text: str) -> None:
        """Say what happens without a command."""
        self._write([f"# {text}"])

    def fab(self, *words: str, status: int = 0, answer: str = "", remote: bool = True) -> str:
        """Type `fab -H prod WORDS`; an answer is typed where it asks."""
        where = ["-H", self.site.host] if remote else []
        self._write([f"$ {shlex.join(['fab', *where, *words])}"])
        return self._answered(self._run(words, answer, remote=remote), status)

    def start(self, *words: str, until: str) -> subprocess.Popen[str]:
        """Type a command, and show what it says up to a line that begins so; it goes on."""
        self._write([f"$ {shlex.join(['fab', '-H', self.site.host, *words])}"])
        process = self.site.spawn(*words)
        self.watch(process, until=until)
        return process

    def watch(self, process: subprocess.Popen[str], *, until: str) -> None:
        """Show what a command that was started says next, up to a line that begins so."""
        self._write(read_until(process, until))

    def rest(self, process: subprocess.Popen[str], *, status: int) -> None:
        """Show what else a command that was started has to say."""
        said, _ = process.communicate(timeout=120)
        self._answered(subprocess.CompletedProcess(process.args, process.returncode, said, ""), status)

    def on_the_server(self, command: str, *, status: int = 0, answer: str = "") -> str:
        """Type a command in remote_dir on the server, in a terminal."""
        self._write([f"prod$ {command}"])
        ssh = ["ssh", "-tt", "-o", "LogLevel=ERROR", "-F", str(self.site.ssh_config), self.site.host]
        there = f"cd {shlex.quote(str(self.site.remote_dir))} && {command}"
        done = subprocess.run(
            [*ssh, there],
            input=f"{answer}\n" if answer else "",
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        echoed = done.stdout.replace("\r\n", "\n").removeprefix(f"{answer}\n")
        done.stdout = _with_answer(echoed, answer)
        return self._answered(done, status)

    def transcript(self) -> dict[str, list[str]]:
        """Return each scene's lines, evened out."""
        host = os.uname().nodename
        names = {
            str(self.site.remote_dir): "/opt/backtester",
            str(self.site.project): "/home/anna/backtester",
            self.site.container: "backtester_postgres_prod",
            self.site.database: "backtester",
            f"({host})": "(laptop)",
            f"from {host} ": "from laptop ",
        }
        lines = settle([line for _, line in self._lines], names)
        scenes: dict[str, list[str]] = {}
        for (scene, _), line in zip(self._lines, lines, strict=True):
            scenes.setdefault(scene, []).append(line)
        return scenes

    def _run(self, words: Sequence[str], answer: str, *, remote: bool) -> subprocess.CompletedProcess[str]:
        if not answer:
            return self.site.fab(*words, remote=remote)
        keyboard, terminal = pty.openpty()
        try:
            os.write(keyboard, f"{answer}\n".encode())
            done = subprocess.run(
                self.site._argv(tuple(words), remote=remote),  # noqa: SLF001 - only the keyboard differs
                cwd=self.site.project,
                env=self.site._environment(None),  # noqa: SLF001
                stdin=terminal,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                timeout=120,
                check=False,
            )
        finally:
            os.close(keyboard)
            os.close(terminal)
        done.stdout = _with_answer(done.stdout, answer)
        return done

    def _answered(self, done: subprocess.CompletedProcess[str], status: int) -> str:
        if done.returncode != status:
            raise CommandFailed(f"it ended with {done.returncode}, not {status}:\n{done.stdout}{done.stderr or ''}")
        said = done.stdout + (done.stderr or "")
        self._write(line for line in said.splitlines() if not SHELLS_WORDS.fullmatch(line))
        return said

    def _write(self, lines: Iterator[str] | Sequence[str]) -> None:
        self._lines += [(self._scene, line) for line in lines]


def read_until(process: subprocess.Popen[str], line: str) -> list[str]:
    """Read what a command says up to a line that begins so."""
    assert process.stdout
    lines = []
    for each in process.stdout:
        lines.append(each.rstrip("\n"))
        if each.startswith(line):
            return lines
    raise CommandFailed(f"it ended without {line!r}: {lines}")


def _with_answer(said: str, answer: str) -> str:
    """Write the answer behind its question, as the terminal has shown it."""
    return said.replace("Type yes to go on: ", f"Type yes to go on: {answer}\n") if answer else said
