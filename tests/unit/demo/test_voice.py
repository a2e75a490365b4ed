"""How the story looks."""

from __future__ import annotations

import io

import pytest

from deploy.demo.voice import Voice


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def tell_all(voice: Voice) -> None:
    voice.tell("It begins.")
    voice.chapter(1, 7, "The first")
    voice.tell("This is done.")
    voice.typed("$", "fab -H prod status")
    voice.answered("prod: all well")
    voice.tell("That was it.")


class TestAVoice:
    def test_sets_chapters_and_commands_apart(self) -> None:
        stream = io.StringIO()
        tell_all(Voice(stream, {}))
        assert stream.getvalue() == (
            "It begins.\n\n── 1/7  The first\nThis is done.\n\n$ fab -H prod status\nprod: all well\n\nThat was it.\n"
        )

    def test_colours_what_is_told_and_typed_on_a_terminal_and_leaves_answers_as_they_are(self) -> None:
        stream = Terminal()
        tell_all(Voice(stream, {"TERM": "xterm"}))
        assert "\033[36mThis is done.\033[0m\n" in stream.getvalue()
        assert "\033[1m$ fab -H prod status\033[0m\n" in stream.getvalue()
        assert "\nprod: all well\n" in stream.getvalue()

    @pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
    def test_has_no_colours_where_nobody_wants_them(self, variables: dict[str, str]) -> None:
        stream = Terminal()
        tell_all(Voice(stream, variables))
        assert "\033" not in stream.getvalue()
