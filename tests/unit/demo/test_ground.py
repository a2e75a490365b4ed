"""Where the demo may stand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.demo import ground
from deploy.demo.ground import Account, choose_base, is_plain_and_short
from deploy.model.errors import ServerUnfit

SOMEBODY = Account("somebody")


@pytest.fixture
def any_folder_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: True)
    monkeypatch.setattr(ground, "_may_enter", lambda *_: True)


class TestAPlaceForTheDemo:
    @pytest.mark.parametrize("base", ["/tmp", "/var/tmp", "/run/user/1000", "/tmp/nix-shell.zq1Ab2"])
    def test_is_a_usual_temporary_folder(self, base: str) -> None:
        assert is_plain_and_short(Path(base))

    @pytest.mark.parametrize("base", ["/tmp/" + 90 * "x", "/tmp/a b", "/tmp/100%", "/tmp/öffentlich", '/tmp/"'])
    def test_is_none_where_a_socket_does_not_fit_or_a_path_needs_quotes(self, base: str) -> None:
        """A unix socket's path is cut at 107 bytes; ssh_config reads % and blanks."""
        assert not is_plain_and_short(Path(base))

    @pytest.mark.usefixtures("any_folder_is_open")
    def test_is_the_first_that_is_good(self) -> None:
        assert choose_base([Path("/tmp/" + 90 * "x"), Path("/short"), Path("/tmp")], SOMEBODY) == Path("/short")

    def test_is_none_that_the_server_may_not_enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As root's own folders, which nobody may."""
        monkeypatch.setattr(os, "access", lambda *_: True)
        monkeypatch.setattr(ground, "_may_enter", lambda base, _: base != Path("/root"))
        assert choose_base([Path("/root"), Path("/tmp")], SOMEBODY) == Path("/tmp")
        with pytest.raises(ServerUnfit, match="somebody can get into"):
            choose_base([Path("/root")], SOMEBODY)
