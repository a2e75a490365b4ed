"""What a server runs: named steps and the files that they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the operator sees. `argv` is a function of the job's sh files, and its arguments."""

    name: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """All that goes up to the server, in one piece.

    Attributes:
        id: begins with the server's time of observation, so that ids sort.
        mark: begins every event in the log; nobody else can guess it.
        files: by path in the job's directory; among them `job.sh`, which is run.
    """

    id: str
    mark: str
    command: str
    files: Mapping[str, bytes]
