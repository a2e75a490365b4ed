"""What README.md and docs/ show of the tool is what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.transcripts.pages import PAGES, written
from tests.transcripts.plays import PLAYS

if TYPE_CHECKING:
    from tests.server import ServerUnderTest


@pytest.mark.parametrize("name", PLAYS)
def test_the_pages_show_what_happens(server: ServerUnderTest, name: str) -> None:
    """Where they don't any more: read the difference, and run `make pages`."""
    scenes = PLAYS[name](server)
    for page in PAGES:
        text = page.read_text("utf-8")
        assert written(text, scenes).splitlines() == text.splitlines(), page.name
