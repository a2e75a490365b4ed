"""The trace of what was executed, for a bug report."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.server.trace import NOISY, begin, log, redacted, words

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def trace() -> Iterator[io.StringIO]:
    loggers = [logging.getLogger(name) for name in ("deploy", "paramiko", *NOISY)]
    before = [(logger, list(logger.handlers), logger.level, logger.propagate) for logger in loggers]
    stream = io.StringIO()
    begin(stream)
    yield stream
    for logger, handlers, level, propagate in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate


class TestACommand:
    def test_is_shown_as_it_could_be_typed_but_for_its_scripts(self) -> None:
        argv = ["sh", "-c", "x" * 500, "start", "it's", "two\nlines"]
        assert words(argv) == "sh -c <500 characters of sh> start 'it'\"'\"'s' <9 characters of sh>"


class TestASecret:
    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            ("PGPASSWORD=hunter2 psql", "PGPASSWORD=[REDACTED] psql"),
            ("password: hunter2, port: 22", "password: [REDACTED] port: 22"),
            ("docker=('env', 'MY_TOKEN=abc')", "docker=('env', 'MY_TOKEN=[REDACTED]"),
            ("api-secret = 'a b' x", "api-secret = [REDACTED] x"),
            ("docker -H tcp://bob:hunter2@db:2375 ps", "docker -H tcp://bob:[REDACTED]@db:2375 ps"),
            ("the way is bob@db:22", "the way is bob@db:22"),
            ("logged in by /home/me/token_key", "logged in by /home/me/token_key"),
        ],
    )
    def test_is_taken_away_where_it_looks_like_one(self, said: str, shown: str) -> None:
        assert redacted(said) == shown

    @given(st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="'\""), min_size=4))
    def test_is_never_left_whole(self, secret: str) -> None:
        assert redacted(f"PASSWORD={secret}") == "PASSWORD=[REDACTED]"


class TestTheTrace:
    def test_begins_with_the_versions(self, trace: io.StringIO) -> None:
        assert "backtester-deploy " in trace.getvalue()
        assert "Python " in trace.getvalue()

    def test_has_the_time_before_each_line_and_no_escape_sequence(self, trace: io.StringIO) -> None:
        log.debug("refused", exc_info=ValueError("\033[2Jboom password=x"))
        lines = trace.getvalue().splitlines()
        assert all(line.startswith("debug   0.") for line in lines)
        assert lines[-1].endswith("s  ValueError: �[2Jboom password=[REDACTED]")

    def test_has_what_paramiko_says_of_the_connection_but_no_more(self, trace: io.StringIO) -> None:
        logging.getLogger("paramiko.transport").info("Authentication (publickey) successful!")
        logging.getLogger("paramiko.transport").debug("Sending global request")
        logging.getLogger("invoke").debug("Overrides: {'password': 'hunter2'}")
        assert trace.getvalue().splitlines()[-1].endswith("s  Authentication (publickey) successful!")
        assert "hunter2" not in trace.getvalue()

    def test_costs_nothing_where_nobody_asked(self) -> None:
        assert not log.isEnabledFor(logging.DEBUG)
