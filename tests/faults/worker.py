"""One worker: builds its ground, and plays what it reads from stdin, a line each; the answers are lines of JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.faults.detection import Detector
from tests.faults.ground import Ground
from tests.faults.rounds import Moment, Player, draw


def main() -> None:
    failures = Path(sys.argv[1])
    with Ground.running() as ground:
        player, detector = Player(ground, failures), Detector(ground, failures)
        for line in sys.stdin:
            wish = json.loads(line)
            if damage := wish.get("damage"):
                result = detector.attempt(damage, wish["seed"])
            else:
                moment = Moment(**wish["moment"]) if wish.get("moment") else None
                result = player.play(draw(wish["seed"], scene=wish["scene"], fault=wish["fault"], moment=moment))
            sys.stdout.write(json.dumps(result.as_json()) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
