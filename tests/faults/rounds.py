"""One round: a scene, a fault and a moment, all from one seed; played, and judged."""

from __future__ import annotations

import random
import subprocess
import threading
import time
import traceback
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from tests.faults.faults import FAULTS, Fault, Scenery
from tests.faults.scenes import SCENES, Scene
from tests.faults.truth import Ended, Look, Truth, look

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from tests.faults.ground import Ground
    from tests.server import Site

PATIENCE_S = 150
"""Within this any client has to end, whatever was done to it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a fault strikes.

    Attributes:
        how: `held` before a program's call, which waits until the harm is done; `passing`, some time after the call; `clock`, some
            time after the client was started.
        share: of all calls, or of the time that the scene takes, from 0 to 1.
        lag_s: after a call that is not held.
    """

    how: str
    share: float
    lag_s: float


@dataclass(frozen=True, slots=True)
class Draw:
    """What one seed means."""

    seed: int
    scene: Scene
    fault: Fault
    moment: Moment


def draw(seed: int, *, scene: str = "", fault: str = "", moment: Moment | None = None) -> Draw:
    """Draw from the catalogues; what is given is taken instead, and the rest stays as drawn."""
    chance = random.Random(seed)  # noqa: S311 - it only has to be repeatable
    scenes = {each.name: each for each in SCENES}
    drawn_scene, drawn_fault = chance.choice(sorted(scenes)), chance.choice(sorted(FAULTS))
    drawn_moment = Moment(chance.choice(["held", "held", "passing", "clock"]), chance.random(), chance.uniform(0, 0.3))
    return Draw(seed, scenes[scene or drawn_scene], FAULTS[fault or drawn_fault], moment or drawn_moment)


@dataclass(slots=True)
class Result:
    """How a round went. `why` is empty where the promise was kept; `struck` tells whether the fault came before the client's end."""

    seed: int
    scene: str
    fault: str
    moment: str = ""
    struck: bool = False
    status: int | None = None
    repaired: list[str] = field(default_factory=list)
    took_s: float = 0.0
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Control:
    """A scene without any fault: what it comes to, and how long it is."""

    before: Look
    after: Look
    calls: int
    took_s: float


class Player:
    """Plays rounds on one ground."""

    def __init__(self, ground: Ground, failures: Path) -> None:
        self._ground = ground
        self._failures = failures
        self._controls: dict[str, Control] = {}

    def play(self, drawn: Draw) -> Result:
        """Play a round; never raises for a broken promise, but keeps all that tells about it."""
        result = Result(drawn.seed, drawn.scene.name, drawn.fault.name)
        said = ""
        control = self._control(drawn.scene)
        began = time.monotonic()
        site = self._put_back(drawn.scene)
        try:
            truth = Truth(self._ground, drawn.scene, control.before, control.after)
            ended = self._perform(drawn, control, result)
            said = ended.said
            result.status = ended.status
            truth.judge(ended, drawn.fault)
            result.repaired = truth.judge_the_next_deploy()
        except Exception:  # noqa: BLE001 - whatever it is, it is this round's, and the next one has to be played
            result.why = traceback.format_exc()
            self._keep(result, said, site)
        result.took_s = round(time.monotonic() - began, 1)
        return result

    def _put_back(self, scene: Scene) -> Site:
        site = self._ground.put_back(scene.stage)
        scene.prepare(site)
        return site

    def _control(self, scene: Scene) -> Control:
        """Play a scene once undisturbed, and let it be judged like any other."""
        if scene.name not in self._controls:
            site = self._put_back(scene)
            before = look(site)
            self._ground.arm(1_000_000, held=False)
            began = time.monotonic()
            client = scene.begin(site)
            said, _ = client.communicate(timeout=PATIENCE_S)
            took_s = time.monotonic() - began
            calls = len(self._ground.calls())
            self._ground.disarm()
            after = look(site)
            assert client.returncode == 0, said
            truth = Truth(self._ground, scene, before, after)
            truth.judge(Ended(0, said), HARMLESS)
            truth.judge_the_next_deploy()
            self._controls[scene.name] = Control(before, after, calls, took_s)
        return self._controls[scene.name]

    def _perform(self, drawn: Draw, control: Control, result: Result) -> Ended:
        """Start the client, strike at the moment, and wait for the client's end."""
        moment, ground = drawn.moment, self._ground
        # a few calls more or less are made each time, as it waits now longer, now shorter
        call = 1 + int(moment.share * control.calls * 0.97)
        if moment.how != "clock":
            ground.arm(call, held=moment.how == "held")
        client = drawn.scene.begin(ground.site)
        scenery = Scenery(ground, drawn.scene, client, random.Random(drawn.seed), [])  # noqa: S311
        blow = Blow(drawn.fault.strike(scenery), ground)
        striker = threading.Thread(target=lambda: self._strike(drawn, control, client, blow, result), daemon=True)
        striker.start()
        try:
            said, _ = client.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            client.kill()
            said, _ = client.communicate()
            raise AssertionError(f"the client hangs:\n{said}") from None
        finally:
            striker.join(PATIENCE_S)
            blow.finish()
            ground.disarm()
            for other in scenery.others:
                end_other(other)
        if blow.error:
            raise blow.error
        return Ended(client.returncode, said)

    def _strike(self, drawn: Draw, control: Control, client: subprocess.Popen[str], blow: Blow, result: Result) -> None:
        moment, ground = drawn.moment, self._ground
        if moment.how == "clock":
            wait_s = moment.share * control.took_s
            time.sleep(wait_s)
            result.moment = f"{wait_s:.2f} s after its start"
        else:
            while not ground.was_reached() and client.poll() is None:
                time.sleep(0.005)
            where = ground.where() or "none"
            result.moment = f"held at call {where} of {control.calls}"
            if moment.how == "passing":
                time.sleep(moment.lag_s)
                result.moment = f"{moment.lag_s:.2f} s after call {where} of {control.calls}"
        result.struck = client.poll() is None
        blow.fall()

    def _keep(self, result: Result, said: str, site: Site) -> None:
        """Keep what tells how it came to this."""
        folder = self._failures / str(result.seed)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "why").write_text(result.why, encoding="utf-8")
        (folder / "client").write_text(said, encoding="utf-8")
        (folder / "postgres").write_text(site.postgres.log()[-20_000:], encoding="utf-8")
        (folder / "sshd").write_text(site.sshd.log()[-20_000:], encoding="utf-8")
        for path in site.remote_files():
            if path.endswith(("/log", "/output", "/settled", ".jsonl", "/hold.err")):
                target = folder / "server" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(site.read_remote(path))


class Blow:
    """A fault that falls: up to its first yield the harm is done, up to its second the client works on, then all is mended."""

    def __init__(self, steps: Iterator[None], ground: Ground) -> None:
        self._steps = steps
        self._ground = ground
        self.error: Exception | None = None

    def fall(self) -> None:
        """Do the harm, let go of a program that is held, and go on until the client has to end first."""
        self._step()
        self._ground.let_go()
        self._step()

    def finish(self) -> None:
        """Mend; also what never fell may go on to nothing."""
        for _ in range(3):
            self._step()

    def _step(self) -> None:
        try:
            next(self._steps, None)
        except Exception as error:  # noqa: BLE001 - it is raised where the round ends
            self.error = self.error or error


def end_other(other: subprocess.Popen[str]) -> None:
    """Wait for whoever came along; a hang of theirs is one too."""
    try:
        other.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        other.kill()
        said, _ = other.communicate()
        raise AssertionError(f"the other client hangs:\n{said}") from None


def _nothing(_: Scenery) -> Iterator[None]:
    """Nothing goes wrong."""
    yield


HARMLESS = Fault("nothing", _nothing)
