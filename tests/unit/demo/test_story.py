"""What the demo asks for, before it starts anything."""

from __future__ import annotations

import shutil

import pytest

from deploy.demo import story
from deploy.demo.story import require_extra, require_programs
from deploy.model.errors import ServerUnfit, UsageError


class TestADemo:
    def test_without_its_extra_says_how_to_install_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(story, "find_spec", lambda name: None if name == "asyncssh" else object())
        with pytest.raises(UsageError, match="asyncssh isn't installed") as refused:
            require_extra()
        assert "pip install 'backtester-deploy[demo]'" in refused.value.hint

    def test_names_the_programs_that_this_machine_lacks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As macOS lacks flock and setsid."""
        monkeypatch.setattr(shutil, "which", lambda name: None if name in ("flock", "setsid") else f"/bin/{name}")
        with pytest.raises(ServerUnfit, match="lacks flock, setsid"):
            require_programs()
