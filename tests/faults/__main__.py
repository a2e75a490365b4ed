"""The fault run: `python -m tests.faults --rounds 300 --seed 1`; make faults and make fault call it."""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.faults.detection import DAMAGES
from tests.faults.rounds import draw

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_MISSES = 3
"""Rounds that are drawn at most for each that is wanted: a fault may come when all is over."""

Wish = dict[str, Any]


def main() -> int:
    """Return 0 where every promise was kept."""
    wanted = arguments()
    folder = wanted.keep / datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
    folder.mkdir(parents=True)
    run = Run(wanted, folder)
    run.say(f"faults: {wanted.rounds} rounds from seed {wanted.seed}, {wanted.tries} tries a damage; kept in {folder}")
    try:
        run.play()
    except KeyboardInterrupt:
        run.stop()
    run.sum_up()
    return 1 if run.broken else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=300, help="how many faults have to strike")
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(1, 10**6), help="of the first round"
    )
    parser.add_argument("--tries", type=int, default=0, help="how often each damage to a backup is tried")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scene", default="", help="this one instead of one that is drawn")
    parser.add_argument("--fault", default="", help="this one instead of one that is drawn")
    parser.add_argument("--damage", default="", help="of these tries only this one")
    parser.add_argument("--once", action="store_true", help="don't draw again where a fault came too late")
    parser.add_argument("--keep", type=Path, default=Path("build/faults"), help="where the record and failures go")
    return parser.parse_args()


@dataclass(slots=True)
class Tally:
    """What came of one fault."""

    struck: int = 0
    missed: int = 0
    broken: int = 0
    repaired: int = 0
    took_s: float = 0.0


@dataclass(slots=True)
class Run:
    """A whole run: wishes out to the workers, results back."""

    wanted: argparse.Namespace
    folder: Path
    results: list[dict[str, Any]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    _stopped: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def broken(self) -> list[dict[str, Any]]:
        return [result for result in self.results if result["why"]]

    def play(self) -> None:
        most = 1 if self.wanted.once else MOST_MISSES
        rounds = Quota(self.wanted.rounds, lambda n: self._round(self.wanted.seed + n), most)
        self._distribute([rounds])
        damages = [self.wanted.damage] if self.wanted.damage else list(DAMAGES)
        self._distribute([Quota(self.wanted.tries, self._try_of(damage), most) for damage in damages])

    def stop(self) -> None:
        """Let the workers end; they have had the same Ctrl-C."""
        self._stopped = True

    def _round(self, seed: int) -> Wish:
        return {"seed": seed, "scene": self.wanted.scene, "fault": self.wanted.fault}

    def _try_of(self, damage: str) -> Callable[[int], Wish]:
        return lambda n: {"seed": self.wanted.seed + n, "damage": damage}

    def _distribute(self, quotas: list[Quota]) -> None:
        """Keep every worker busy until all quotas are filled."""
        if not any(quota.wanted for quota in quotas):
            return
        threads = [threading.Thread(target=self._work, args=(quotas,)) for _ in range(self.wanted.workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, quotas: list[Quota]) -> None:
        worker = Worker(self.folder)
        try:
            while work := self._next(quotas):
                quota, wish = work
                result = worker.play(wish)
                if result is None and self._stopped:
                    return
                if result is None:
                    result = worker.lost(wish)
                    worker.end()
                    worker = Worker(self.folder)
                with self._lock:
                    quota.take(struck=result["struck"] or bool(result["why"]))
                    self._record(result)
        finally:
            worker.end()

    def _next(self, quotas: list[Quota]) -> tuple[Quota, Wish] | None:
        with self._lock:
            if self._stopped:
                return None
            return next(((quota, quota.draw()) for quota in quotas if quota.is_open), None)

    def _record(self, result: dict[str, Any]) -> None:
        self.results.append(result)
        verdict = "BROKEN" if result["why"] else "kept" if result["struck"] else "missed"
        mended = f"; repair took away {', '.join(result['repaired'])}" if result["repaired"] else ""
        what = f"{result['scene']}: {result['fault']}, {result['moment']}"
        self.say(
            f"{verdict:6} {result['took_s']:5.1f} s  {what}; status {result['status']}{mended}; {self._replay(result)}"
        )
        if result["why"]:
            self.say("        " + result["why"].strip().splitlines()[-1][:300])
        (self.folder / "record.json").write_text(json.dumps(self._document(), indent=1), encoding="utf-8")

    def _replay(self, result: dict[str, Any]) -> str:
        more = "".join(
            f" {name.upper()}='{value}'" for name, value in self._round(0).items() if value and name != "seed"
        )
        more += f" DAMAGE='{result['fault']}'" if result["fault"] in DAMAGES and result["scene"] == "backup" else ""
        return f"make fault SEED={result['seed']}{more}"

    def _document(self) -> dict[str, Any]:
        return {
            "seed": self.wanted.seed,
            "took_s": round(time.monotonic() - self.began),
            "struck": sum(result["struck"] for result in self.results),
            "broken": len(self.broken),
            "results": self.results,
        }

    def sum_up(self) -> None:
        tallies: dict[str, Tally] = defaultdict(Tally)
        for result in self.results:
            tally = tallies[result["fault"]]
            tally.struck += bool(result["struck"])
            tally.missed += not result["struck"] and not result["why"]
            tally.broken += bool(result["why"])
            tally.repaired += bool(result["repaired"])
            tally.took_s += result["took_s"]
        width = max(map(len, tallies), default=0)
        self.say(f"\n{'fault':{width}}  struck  missed  repair  broken  s a round")
        for name, t in sorted(tallies.items()):
            mean_s = t.took_s / max(1, t.struck + t.missed)
            self.say(f"{name:{width}}  {t.struck:6}  {t.missed:6}  {t.repaired:6}  {t.broken:6}  {mean_s:9.1f}")
        document = self._document()
        self.say(
            f"\n{document['struck']} faults struck, {document['broken']} promises broken, {document['took_s']} s in all"
        )
        for result in self.broken:
            self.say(f"BROKEN: {self._replay(result)}; see {self.folder}/{result['seed']}")

    def say(self, words: str) -> None:
        sys.stdout.write(words + "\n")
        sys.stdout.flush()


class Quota:
    """How many of a kind are wanted; what missed is drawn again, but not for ever."""

    def __init__(self, wanted: int, draw_number: Callable[[int], Wish], most_misses: int) -> None:
        self.wanted = wanted
        self._most = wanted * most_misses
        self._draw = draw_number
        self._drawn = 0
        self._underway = 0
        self._struck = 0

    @property
    def is_open(self) -> bool:
        return self._struck + self._underway < self.wanted and self._drawn < self._most

    def draw(self) -> Wish:
        self._drawn += 1
        self._underway += 1
        return self._draw(self._drawn - 1)

    def take(self, *, struck: bool) -> None:
        self._underway -= 1
        self._struck += struck


class Worker:
    """A process with a ground of its own."""

    def __init__(self, folder: Path) -> None:
        argv = [sys.executable, "-m", "tests.faults.worker", str(folder)]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def play(self, wish: Wish) -> dict[str, Any] | None:
        """Return the result, or None where the worker itself broke down."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(json.dumps(wish) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return None
        line = self._process.stdout.readline()
        result: dict[str, Any] | None = json.loads(line) if line else None
        return result

    def lost(self, wish: Wish) -> dict[str, Any]:
        """Tell of a round that took its worker with it."""
        if "damage" in wish:
            scene, fault = "backup", wish["damage"]
        else:
            drawn = draw(wish["seed"], scene=wish["scene"], fault=wish["fault"])
            scene, fault = drawn.scene.name, drawn.fault.name
        why = "the worker broke down; its own words stand above"
        return {"seed": wish["seed"], "scene": scene, "fault": fault, "moment": "", "struck": False, "status": None, "repaired": [], "took_s": 0.0, "why": why}  # fmt: skip

    def end(self) -> None:
        """Let it take its ground away."""
        with suppress(BrokenPipeError):
            self._process.communicate()


if __name__ == "__main__":
    sys.exit(main())
