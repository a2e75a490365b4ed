"""Some of the faults that `make faults` plays at random, at moments that hurt most; what is judged afterwards stands in truth.py."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from tests.faults.__main__ import Worker
from tests.faults.detection import DAMAGES
from tests.faults.faults import FAULTS
from tests.faults.rounds import Moment, draw
from tests.faults.scenes import SCENES
from tests.journeys.invariants import say

if TYPE_CHECKING:
    from pathlib import Path

CHOSEN = (
    ("deploy of blocks", "server rebooted", 0.8),
    ("deploy of blocks", "nightly backup", 0.5),
    ("rollback", "server rebooted", 0.9),
)
"""Scene, fault, and at which share of the programs that the scene runs on the server."""


class TestAFault:
    @pytest.mark.timeout(600)
    def test_that_was_chosen_breaks_no_promise(self, tmp_path: Path) -> None:
        """Each with the same judge as at random: before or after whole files, nothing locked, and the next deploy succeeds."""
        worker = Worker(tmp_path)
        try:
            for number, (scene, fault, share) in enumerate(CHOSEN):
                moment = asdict(Moment("held", share, 0.0))
                result = worker.play({"seed": number, "scene": scene, "fault": fault, "moment": moment})
                assert result, "the worker broke down"
                say(f"{scene}: {fault}, {result['moment']}: status {result['status']} in {result['took_s']} s")
                assert not result["why"], result["why"]
                assert result["struck"]
        finally:
            worker.end()


class TestASeed:
    def test_means_the_same_each_time(self) -> None:
        assert draw(7) == draw(7)
        assert len({(d.scene.name, d.fault.name, d.moment.share) for d in map(draw, range(50))}) == 50

    def test_leads_to_every_scene_and_every_fault(self) -> None:
        drawn = [draw(seed) for seed in range(2000)]
        assert {d.scene.name for d in drawn} == {scene.name for scene in SCENES}
        assert {d.fault.name for d in drawn} == set(FAULTS)


class TestTheCatalogue:
    def test_tells_the_story_of_each_fault(self) -> None:
        assert all(fault.story for fault in FAULTS.values())
        assert all(damage.__doc__ for damage in DAMAGES.values())
