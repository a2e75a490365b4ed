"""A server that says what a test wrote, in place of one behind SSH: commands are told by what people read of them."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from deploy.report.console import Console
from deploy.server.shell import Completed
from deploy.server.target import Server
from tests.unit.values import an_observation, some_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from deploy.model.errors import DeployError
    from deploy.model.observation import Observation

    Look = Observation | DeployError | Callable[["ScriptedShell"], Observation]


@dataclass
class Log:
    """What a job's log says; lists are events, texts are what programs said. `status` is that of following it.

    `lost` comes after its lines, `refused` in place of them: nothing is started.
    """

    lines: Sequence[str | dict[str, Any]]
    status: int | None = 0
    lost: DeployError | None = None
    refused: DeployError | None = None
    mark: str = ""
    stderr: bytes = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def __iter__(self) -> Iterator[bytes]:
        for line in self.lines:
            yield f"{line}\n".encode() if isinstance(line, str) else f"@{self.mark} {json.dumps(line)}\n".encode()
        if self.lost:
            raise self.lost


@dataclass
class ScriptedShell:
    """Plays the logs one after another, and remembers what it was told to do."""

    logs: list[Log] = field(default_factory=list)
    told: list[Sequence[str]] = field(default_factory=list)
    name: str = "prod"
    status: int = 0
    job_id: str = ""

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60.0, limit: int = 64 * 2**20
    ) -> Completed:
        self.told.append(argv)
        return Completed(self.status, b"", b"")

    def stream(self, argv: Sequence[str], *, stdin: bytes | Path = b"", silence_s: float = 25.0) -> Log:
        log = self.logs.pop(0)
        if log.refused:
            raise log.refused
        if not log.mark:  # a job is started, and says its id and its mark
            self.job_id, log.mark = argv[-3], argv[-1]
        return log

    def close(self) -> None: ...


class SeenServer(Server):
    """A server as it was seen, and as it is seen the next time."""

    looks: list[Look]
    script: ScriptedShell

    def __init__(
        self,
        *looks: Look,
        host: str | None = "prod",
        at: str = "/opt/backtester",
        **settings: Any,  # noqa: ANN401 - any setting
    ) -> None:
        script = ScriptedShell(name=host or "local")
        super().__init__(host, script, some_settings(**settings), at)
        object.__setattr__(self, "script", script)
        object.__setattr__(self, "looks", list(looks) or [an_observation()])

    def observe(self, *, audit_lines: int = 0) -> Observation:
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(look, Exception):
            raise look
        return look(self.script) if callable(look) else look

    def says(self, *lines: str | dict[str, Any], **how: Any) -> Self:  # noqa: ANN401 - any field of a log
        self.script.logs.append(Log(lines, **how))
        return self


class Paper(Console):
    """A console that is read afterwards."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        super().__init__(self.stream)

    def read(self) -> str:
        """All that was printed, but for how long it took."""
        return re.sub(r"in \d+\.\d s", "in 1.2 s", self.stream.getvalue())
