"""The console in a workflow of GitHub: its log in groups, its errors as annotations, its results in the runner's files."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.model.event import Event, JobBegun, JobEnded, StepStarted, Warned
from deploy.report.console import Console, for_host
from deploy.report.github import (
    FollowedJob,
    annotation,
    document_of,
    file_command,
    harmless,
    outputs,
    place_of,
    sharpened,
    workflow_command,
)
from deploy.report.summary import summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TextIO

    from deploy.model.errors import DeployError
    from deploy.report.github import Document

_LINE_ENDS = re.compile(r"\r\n|\r|\n")
"""Where the runner sees a line end."""


class GitHubLog:
    """A stream for everything that may contain others' words: none of its lines is a command; those come in by `command`.

    A group is opened by the first line that is in it, so that a step without words has none.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rest = ""
        self._group = ""
        self._open = False

    @property
    def encoding(self) -> str:
        return self._stream.encoding or "utf-8"

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Take text; a line goes out once it is complete, for half of it can't be told from a command."""
        *lines, self._rest = _LINE_ENDS.split(self._rest + text)
        for line in lines:
            self._begin_group()
            self._stream.write(f"{harmless(line)}\n")
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def group(self, title: str) -> None:
        """Put the lines that follow into a group."""
        self.end_group()
        self._group = title

    def end_group(self) -> None:
        """Let the lines that follow stand for themselves."""
        if self._rest:
            self.write("\n")
        self._group = ""
        if self._open:
            self._open = False
            self._stream.write(workflow_command("endgroup") + "\n")

    def command(self, line: str) -> None:
        """Tell the runner something."""
        self._stream.write(f"{line}\n")
        self._stream.flush()

    def _begin_group(self) -> None:
        if self._group:
            self._stream.write(workflow_command("group", self._group) + "\n")
            self._group, self._open = "", True


class GitHubConsole(Console):
    """Says on GitHub what Console says, and tells the runner.

    Args:
        stream: the step's log.
        environment: GITHUB_OUTPUT, GITHUB_STEP_SUMMARY and GITHUB_WORKSPACE, each of which may be missing.
    """

    def __init__(self, stream: TextIO, environment: Mapping[str, str]) -> None:
        self._log = GitHubLog(stream)
        self._environment = environment
        self._jobs: list[FollowedJob] = []
        super().__init__(self._log)  # type: ignore[arg-type]  # the part of TextIO that print and rich use

    def event(self, event: Event) -> None:
        match event:
            case JobBegun(job, command):
                self._jobs.append(FollowedJob(job, command))
            case StepStarted(name):
                self._log.group(name)
            case JobEnded():
                self._log.end_group()
            case Warned(text):
                self._log.command(workflow_command("warning", text))
            case _:
                pass
        if self._jobs:
            self._jobs[-1].record.take(event)
        super().event(event)

    def error(self, error: DeployError, host: str, *, one_of_many: bool = False) -> None:
        self._log.end_group()
        super().error(error, host, one_of_many=one_of_many)

    def commands(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._log.command(line)

    def told(self, documents: Sequence[Document], error: DeployError | None, host: str, directory: str) -> None:
        """Annotate the error, and write the step's summary and outputs."""
        self._log.end_group()
        if error:
            self._log.command(self._annotation(error, host, directory))
        document = document_of(documents, self._jobs, error)
        self._append("GITHUB_STEP_SUMMARY", for_host(summary(document, host, self._jobs), host))
        delimiter = f"delimiter_{secrets.token_hex(16)}"
        said = outputs(document, error)
        self._append("GITHUB_OUTPUT", "".join(file_command(name, value, delimiter) for name, value in said.items()))

    def _annotation(self, error: DeployError, host: str, directory: str) -> str:
        place = place_of(error)
        path = Path(directory, place.name) if place else None
        if not place or not path or not path.is_file():
            return annotation(error, host)
        place = sharpened(place, error.details, path.read_text("utf-8", errors="replace"))
        return annotation(error, host, file=self._in_workspace(path), place=place)

    def _in_workspace(self, path: Path) -> str:
        """Return the path as the repository has it, which GitHub shows the annotation at."""
        workspace = self._environment.get("GITHUB_WORKSPACE")
        found = path.resolve()
        if workspace and found.is_relative_to(Path(workspace).resolve()):
            return str(found.relative_to(Path(workspace).resolve()))
        return str(path)

    def _append(self, variable: str, text: str) -> None:
        """Add to a file of the runner's; a log without a summary is better than a deploy that fails for one."""
        path = self._environment.get(variable)
        if not path:
            return
        try:
            with Path(path).open("a", encoding="utf-8", errors="replace") as file:
                file.write(text)
        except OSError as error:
            self._log.command(workflow_command("warning", f"{variable} can't be written: {error.strerror}"))
