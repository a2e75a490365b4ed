"""Samples, and who takes turns: A B C A B C, so that what else the machine does hits all alike."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from tests.server import Site


@dataclass(slots=True)
class Samples:
    """What one contestant took in one discipline, a value a round.

    Attributes:
        discipline: such as `deploy`; with `case` it names a line of a table.
        case: such as `100 files, new, 0 ms`.
        who: the contestant.
        values: seconds, unless the discipline says otherwise.
        notes: whatever else was seen, such as round trips; of the last round.
    """

    discipline: str
    case: str
    who: str
    values: list[float] = field(default_factory=list)
    notes: dict[str, float] = field(default_factory=dict)

    @property
    def middle(self) -> float:
        return median(self.values)


class Record:
    """All samples of a run, by discipline, case and contestant."""

    def __init__(self, samples: Iterable[Samples] = ()) -> None:
        self._all = {(s.discipline, s.case, s.who): s for s in samples}

    def __bool__(self) -> bool:
        return bool(self._all)

    def add(self, discipline: str, case: str, who: str, value: float, **notes: float) -> None:
        samples = self._all.setdefault((discipline, case, who), Samples(discipline, case, who))
        samples.values.append(value)
        samples.notes |= notes

    def find(self, discipline: str, case: str, who: str) -> Samples | None:
        return self._all.get((discipline, case, who))

    def cases(self, discipline: str) -> list[str]:
        """Return the cases of a discipline in the order in which they were first met."""
        return list(dict.fromkeys(case for found, case, _ in self._all if found == discipline))

    def contestants(self, discipline: str) -> list[str]:
        return list(dict.fromkeys(who for found, _, who in self._all if found == discipline))

    def ratio(self, discipline: str, case: str, one: str, other: str) -> list[float]:
        """Return one contestant's values over the other's, round by round; empty if either has none."""
        ours, theirs = self.find(discipline, case, one), self.find(discipline, case, other)
        return [a / b for a, b in zip(ours.values, theirs.values, strict=False)] if ours and theirs else []

    def renewed(self, other: Record) -> Record:
        """Return this one with all that the other measured in place of its own."""
        return Record({**self._all, **other._all}.values())

    def to_json(self) -> list[dict[str, Any]]:
        return [
            {
                **asdict(s),
                "values": [round(v, 4) for v in s.values],
                "notes": {k: round(v, 4) for k, v in s.notes.items()},
            }
            for s in self._all.values()
        ]

    @classmethod
    def from_json(cls, found: Iterable[Mapping[str, Any]]) -> Record:
        return cls(Samples(**each) for each in found)


def seconds_of(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def run(argv: Sequence[str | Path], *, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> bytes:
    """Run a program that has to succeed, and return what it printed."""
    done = subprocess.run([str(word) for word in argv], input=stdin, capture_output=True, env=env, check=False)
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace")[-2000:]
        raise SystemExit(f"bench: {' '.join(map(str, argv))} exited with {done.returncode}: {words}")
    return done.stdout


def peak_megabytes(site: Site, *flags: str) -> float:
    """Run fab and return the most memory that it had, as long as one could look."""
    client = site.spawn(*flags)
    # what nobody reads would stop a client that has much to say
    reader = threading.Thread(target=client.communicate)
    reader.start()
    peak = 0
    while client.poll() is None:
        with open(f"/proc/{client.pid}/status", encoding="utf-8") as status:  # noqa: PTH123 - as often as possible
            if found := re.search(r"VmHWM:\s+([0-9]+) kB", status.read()):
                peak = int(found[1])
        time.sleep(0.01)
    reader.join()
    if client.returncode != 0:
        raise SystemExit(f"bench: fab {' '.join(flags)} exited with {client.returncode}")
    return peak / 1024


def save(path: Path, about: Mapping[str, Any], record: Record) -> None:
    text = json.dumps({"about": dict(about), "samples": record.to_json()}, indent=1, ensure_ascii=False)
    # one sample a line, so that a diff of two runs can be read
    text = re.sub(r"\[\s+([-0-9., \n]+?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text)
    path.write_text(text + "\n", encoding="utf-8")


def load(path: Path) -> tuple[dict[str, Any], Record]:
    found = json.loads(path.read_text(encoding="utf-8"))
    return found["about"], Record.from_json(found["samples"])
