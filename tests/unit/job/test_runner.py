"""A job's log becomes events, across whatever happens to the connection."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.job import runner
from deploy.job.runner import LONGEST_LINE, LONGEST_SAID, MOST_PARTS, LogReader, cleaned, follow, pack, printable, start
from deploy.model.errors import (
    ConnectionLost,
    DeployError,
    LoginRefused,
    OutcomeUnknown,
    ServerTalksNonsense,
    ServerUnreachable,
)
from deploy.model.event import (
    ConnectionDropped,
    ConnectionRestored,
    Event,
    JobBegun,
    JobEnded,
    ServerSaid,
    StepStarted,
    Warned,
)
from deploy.model.job import Job

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MARK = "0123456789abcdef"
JOB = Job("20261122_120000_01234567", MARK, "deploy", {"job.sh": b"true\n", "SHA256SUMS": b""})
BEGUN = f'@{MARK} {{"event":"begun","job":"j","command":"deploy"}}\n'.encode()
ENDED = f'@{MARK} {{"event":"ended","outcome":"done","reason":""}}\n'.encode()
LOST = ConnectionLost("the connection broke", hint="Try again.")
NO_CHANNEL = LoginRefused("the server lets us in, but runs no program", hint="Check MaxSessions.")
DONE = [JobBegun("j", "deploy"), JobEnded("done", "")]

LOG_LINES = st.one_of(
    st.binary(max_size=20),
    st.builds(lambda text: f"@{MARK} {json.dumps({'event': 'warning', 'text': text})}".encode(), st.text()),
    st.builds(
        lambda said, name: said + f"@{MARK} {json.dumps({'event': 'step', 'name': name})}".encode(),
        st.binary(max_size=8),
        st.text(),
    ),
    st.builds(lambda rest: f"@{MARK} ".encode() + rest, st.binary(max_size=20)),
)
LOGS = st.lists(LOG_LINES, max_size=8).map(b"\n".join)


def read(*chunks: bytes) -> list[Event]:
    log = LogReader(MARK)
    return [*(event for chunk in chunks for event in log.feed(chunk)), *log.rest()]


def texts(event: object) -> Iterator[str]:
    for name in event.__slots__:  # type: ignore[attr-defined]  # every event has them
        value = getattr(event, name)
        yield from [value] if isinstance(value, str) else []


class TestALog:
    @given(LOGS, st.lists(st.integers(0, 200)))
    def test_gives_the_same_events_in_whatever_pieces_it_comes(self, log: bytes, cuts: list[int]) -> None:
        edges = [0, *sorted(min(cut, len(log)) for cut in cuts), len(log)]
        assert read(*(log[a:b] for a, b in pairwise(edges))) == read(log)

    @given(st.lists(LOGS))
    def test_is_counted_in_bytes(self, chunks: list[bytes]) -> None:
        log = LogReader(MARK)
        for chunk in chunks:
            list(log.feed(chunk))
        assert log.offset == len(b"".join(chunks))

    @given(st.lists(st.binary() | LOGS))
    def test_may_hold_anything(self, chunks: list[bytes]) -> None:
        for event in read(*chunks):
            assert all(text.isprintable() for text in texts(event))

    @given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
    def test_brings_a_text_as_it_was_written(self, text: str) -> None:
        line = f"@{MARK} {json.dumps({'event': 'warning', 'text': text})}\n".encode()
        assert read(line) == [Warned(printable(text))]

    def test_has_a_programs_words_before_an_event_where_the_line_didnt_end(self) -> None:
        assert read(b"Pulling..." + BEGUN) == [ServerSaid("Pulling..."), JobBegun("j", "deploy")]

    def test_gives_nothing_for_half_a_line_until_it_ends(self) -> None:
        log = LogReader(MARK)
        assert list(log.feed(BEGUN[:9])) == []
        assert list(log.feed(BEGUN[9:])) == [JobBegun("j", "deploy")]
        assert list(log.rest()) == []

    @pytest.mark.parametrize(
        "event",
        [
            "{",
            "[]",
            "null",
            '{"event":"unheard of"}',
            '{"event":"pruned","count":1e999}',
            '{"event":"lock_held","holder":"x","step":""}',
            '{"event":"step","name":' + "[" * 5000,
        ],
    )
    def test_shows_an_event_that_is_none_as_what_was_said(self, event: str) -> None:
        assert read(f"@{MARK} {event}\n".encode()) == [ServerSaid(event[:LONGEST_SAID])]

    def test_believes_no_other_mark(self) -> None:
        assert read(b'@fedcba9876543210 {"event":"ended","outcome":"done","reason":""}\n') == [
            ServerSaid('@fedcba9876543210 {"event":"ended","outcome":"done","reason":""}')
        ]

    def test_is_left_when_a_line_never_ends(self) -> None:
        log = LogReader(MARK)
        assert list(log.feed(b"a" * LONGEST_LINE)) == []
        with pytest.raises(ServerTalksNonsense, match="a line without an end"):
            list(log.feed(b"a"))

    def test_is_left_when_it_never_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What it says is counted in bytes, and its events by themselves, since each of them is kept."""
        monkeypatch.setattr(runner, "LONGEST_LOG", 100)
        log = LogReader(MARK)
        list(log.feed(b"a\n" * 50))
        with pytest.raises(ServerTalksNonsense, match="the job's log has more than"):
            list(log.feed(b"\n"))
        monkeypatch.setattr(runner, "LONGEST_LOG", 2**20)
        monkeypatch.setattr(runner, "MOST_EVENTS", 3)
        with pytest.raises(ServerTalksNonsense, match="more than 3 events"):
            read(BEGUN * 4)

    def test_is_kept_in_lines_of_some_length(self) -> None:
        """Two hundred of them are kept, and a line may have a megabyte."""
        (said,) = read("✅".encode() * 10_000 + b"\n")
        assert said == ServerSaid("✅" * LONGEST_SAID)

    @pytest.mark.parametrize("number", ["1e308", "-1e19", "9223372036854775808", "NaN", "-Infinity", "9" * 400])
    def test_has_no_number_that_nobody_can_count_with(self, number: str) -> None:
        event = f'{{"event":"pruned","count":{number}}}'
        assert read(f"@{MARK} {event}\n".encode()) == [ServerSaid(event)]

    def test_has_no_event_of_more_parts_than_anything_has(self) -> None:
        event = '{"event":"changes","rows":[' + "[]," * MOST_PARTS + '[]],"pending_again":[]}'
        assert read(f"@{MARK} {event}\n".encode()) == [ServerSaid(event[:LONGEST_SAID])]


class TestWhatIsPrintable:
    @given(st.text())
    def test_is_all_that_reaches_the_terminal(self, text: str) -> None:
        assert printable(text).isprintable()

    def test_keeps_a_tab_as_a_space_and_no_line_end_of_windows(self) -> None:
        assert printable("a\tb\r") == "a b"
        assert printable("\x1b[31mred\udc80") == "�[31mred�"

    def test_holds_for_every_text_in_json(self) -> None:
        assert cleaned({"\x1b": ["\x07", {"a": "\x00"}, 5, None]}) == {"�": ["�", {"a": "�"}, 5, None]}


@dataclass
class Talk:
    """One execution: what is said, and how it ends; an error stands for a connection that broke."""

    chunks: Sequence[bytes] = ()
    end: int | DeployError | None = 0
    stderr: bytes = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks
        if isinstance(self.end, DeployError):
            raise self.end

    @property
    def status(self) -> int | None:
        assert not isinstance(self.end, DeployError)
        return self.end


@dataclass
class ScriptedShell:
    """Says what the test wrote, one execution after another, and remembers what it was asked."""

    talks: list[Talk]
    reopens: list[Exception | None] = field(default_factory=list)
    asked: list[tuple[Sequence[str], bytes]] = field(default_factory=list)
    name: str = "prod"

    def stream(self, argv: Sequence[str], *, stdin: bytes = b"", silence_s: float = 25.0) -> Talk:
        self.asked.append((argv, stdin))
        talk = self.talks.pop(0)
        if isinstance(talk.end, LoginRefused):
            raise talk.end
        return talk

    def reopen(self) -> None:
        if error := self.reopens.pop(0):
            raise error


class Unreopenable(ScriptedShell):
    reopen = None  # type: ignore[assignment]  # as a shell that has no such method


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Sleep in no time, on a clock that knows."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(time, "monotonic", lambda: sum(slept))
    return slept


def started(shell: ScriptedShell) -> Iterator[Event]:
    return start(shell, JOB, "/opt/backtester")  # type: ignore[arg-type]  # the part of a Shell that is needed


class TestAJob:
    def test_goes_up_in_one_piece_and_is_followed_to_its_end(self) -> None:
        shell = ScriptedShell([Talk([BEGUN, ENDED])])
        assert list(started(shell)) == DONE
        ((argv, stdin),) = shell.asked
        assert argv[:2] == ["sh", "-c"]
        assert argv[3:] == [
            "start",
            "/opt/backtester/.deploy",
            JOB.id,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            MARK,
        ]
        assert stdin == pack(JOB)

    def test_that_isnt_started_says_why_in_one_event(self) -> None:
        line = f'@{MARK} {{"event":"step","name":"x"}}'.encode()
        assert list(started(ScriptedShell([Talk([line], 3)]))) == [StepStarted("x")]

    def test_that_no_shell_could_start_is_told_with_the_shells_last_word(self) -> None:
        shell = ScriptedShell([Talk([], 127, b"profile\n\x1b[1msh: tar: not found\n")])
        with pytest.raises(ServerTalksNonsense, match=r"could not be started: �\[1msh: tar: not found$"):
            list(started(shell))

    def test_that_no_shell_could_start_may_be_told_by_its_status_alone(self) -> None:
        with pytest.raises(ServerTalksNonsense, match="could not be started: status 1"):
            list(started(ScriptedShell([Talk([], 1)])))

    def test_goes_on_where_the_log_broke_off(self, naps: list[float]) -> None:
        """Half an event is held until the other half comes."""
        shell = ScriptedShell([Talk([BEGUN, ENDED[:20]], LOST), Talk([ENDED[20:]])], [None])
        assert list(started(shell)) == [DONE[0], ConnectionDropped(60.0), ConnectionRestored(), DONE[1]]
        assert naps == [1.0]
        argv, stdin = shell.asked[1]
        assert f"job=/opt/backtester/.deploy/jobs/{JOB.id}\noffset={len(BEGUN) + 20}\n" in argv[2]
        assert stdin == b""

    def test_goes_on_where_following_it_was_ended_in_the_middle_of_an_event(self, naps: list[float]) -> None:
        shell = ScriptedShell([Talk([BEGUN, ENDED[:20]], 137), Talk([ENDED[20:]])])
        assert list(started(shell)) == DONE

    def test_may_end_without_a_line_end(self) -> None:
        assert list(started(ScriptedShell([Talk([BEGUN, b"Killed"])]))) == [DONE[0], ServerSaid("Killed")]

    def test_is_come_back_to_for_a_while(self, naps: list[float]) -> None:
        away = ServerUnreachable("no route to prod", hint="Wait.")
        shell = ScriptedShell([Talk([BEGUN], LOST), Talk([ENDED])], [away, away, None])
        assert list(started(shell))[-1] == DONE[1]
        assert naps == [1.0, 2.0, 4.0]

    @pytest.mark.parametrize(("chunks", "words"), [([BEGUN], "how the job ended"), ([], "whether the job was started")])
    def test_is_of_unknown_outcome_where_the_connection_never_comes_back(
        self, naps: list[float], chunks: list[bytes], words: str
    ) -> None:
        away = ServerUnreachable("no route to prod", hint="Wait.")
        shell = ScriptedShell([Talk(chunks, LOST)], [away] * 99)
        with pytest.raises(OutcomeUnknown) as unknown:
            list(started(shell))
        assert unknown.value.message == f"the connection broke, and it didn't come back: {words} isn't known"
        assert unknown.value.hint == "See how it ended, once the server can be reached: fab -H prod follow"
        assert 60 <= sum(naps) < 70

    def test_is_of_unknown_outcome_where_there_is_no_way_to_come_back(self, naps: list[float]) -> None:
        with pytest.raises(OutcomeUnknown):
            list(started(Unreopenable([Talk([BEGUN], LOST)])))
        assert naps == []

    def test_that_never_got_there_has_changed_nothing(self, naps: list[float]) -> None:
        shell = ScriptedShell([Talk([], LOST), Talk([], 4)], [None])
        with pytest.raises(ConnectionLost, match="before the job was started: nothing was changed"):
            list(started(shell))

    @pytest.mark.parametrize("status", [1, 4, None])
    def test_is_of_unknown_outcome_where_its_log_is_gone(self, naps: list[float], status: int | None) -> None:
        """Neither asked for without end, nor told as never started."""
        shell = ScriptedShell([Talk([BEGUN], 1), *[Talk([], status)] * 6])
        with pytest.raises(OutcomeUnknown, match="log can't be read any more"):
            list(started(shell))
        assert naps == [0, 1, 2, 3, 4, 5]

    def test_is_of_unknown_outcome_where_it_talks_nonsense(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It was started, so it is neither refused nor failed."""
        monkeypatch.setattr(runner, "MOST_EVENTS", 1)
        with pytest.raises(OutcomeUnknown, match="how the job ends isn't known") as unknown:
            list(started(ScriptedShell([Talk([BEGUN, BEGUN])])))
        assert unknown.value.hint == "See where the database stands: fab -H prod status"

    def test_is_of_unknown_outcome_where_every_connection_stays_silent(self, naps: list[float]) -> None:
        shell = ScriptedShell([Talk([BEGUN], LOST), *[Talk([], LOST)] * 99], [None] * 99)
        with pytest.raises(OutcomeUnknown, match=", 12 times"):
            list(started(shell))

    def test_is_refused_only_where_no_program_could_be_started_at_all(self) -> None:
        with pytest.raises(LoginRefused):
            list(started(ScriptedShell([Talk(end=NO_CHANNEL)])))

    @pytest.mark.parametrize(
        "first", [Talk([BEGUN], LOST), Talk([], LOST), Talk([BEGUN], 1)], ids=["heard", "unheard", "ended"]
    )
    def test_is_gone_on_with_where_no_channel_can_be_opened_for_a_while(self, naps: list[float], first: Talk) -> None:
        """The server can't fork, or MaxSessions is reached: the job goes on all the same."""
        rest = [ENDED] if first.chunks else [BEGUN + ENDED]
        shell = ScriptedShell([first, *[Talk(end=NO_CHANNEL)] * 5, Talk(rest)], [None] * 9)
        assert list(started(shell))[-1] == DONE[1]

    def test_is_of_unknown_outcome_where_no_channel_can_be_opened_any_more(self, naps: list[float]) -> None:
        shell = ScriptedShell([Talk([BEGUN], LOST), *[Talk(end=NO_CHANNEL)] * 99], [None] * 99)
        with pytest.raises(OutcomeUnknown, match="runs no program, 12 times: how the job ends isn't known"):
            list(started(shell))

    def test_is_followed_on_as_long_as_anything_is_heard_of_it(self, naps: list[float]) -> None:
        """A dot says that the job is alive and has nothing to say."""
        shell = ScriptedShell([Talk([BEGUN], LOST), *[Talk([], LOST, b".")] * 50, Talk([ENDED])], [None] * 99)
        assert list(started(shell))[-1] == DONE[1]

    def test_is_of_unknown_outcome_where_the_connection_is_no_use(self, naps: list[float]) -> None:
        shell = ScriptedShell([Talk([BEGUN], LOST), *[Talk([], LOST, b".")] * 999], [None] * 999)
        with pytest.raises(OutcomeUnknown, match=", 201 times"):
            list(started(shell))

    def test_can_be_followed_from_its_beginning_by_anybody(self) -> None:
        shell = ScriptedShell([Talk([BEGUN + ENDED])])
        events = follow(shell, JOB.id, MARK, "/opt/backtester")  # type: ignore[arg-type]  # the part of a Shell that is needed
        assert list(events) == DONE
        assert f"job=/opt/backtester/.deploy/jobs/{JOB.id}\noffset=0\n" in shell.asked[0][0][2]


class TestAPackedJob:
    FILES: ClassVar = {"job.sh": b"true\n", "migrations/größe.md": b"\0\xff", "migrations/" + "a" * 200: b""}

    def test_unpacks_to_what_it_was(self) -> None:
        with tarfile.open(fileobj=io.BytesIO(pack(Job("id", MARK, "deploy", self.FILES)))) as tar:
            assert {m.name: (tar.extractfile(m) or io.BytesIO()).read() for m in tar} == self.FILES

    def test_is_only_for_its_owner_and_the_same_every_time(self) -> None:
        packed = pack(Job("id", MARK, "deploy", self.FILES))
        assert packed == pack(Job("id", MARK, "deploy", self.FILES))
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            assert {(m.mode, m.isfile()) for m in tar} == {(0o600, True)}

    def test_has_names_that_every_tar_reads(self) -> None:
        """Busybox ignores pax headers, and would write question marks."""
        packed = gzip.decompress(pack(Job("id", MARK, "deploy", self.FILES)))
        assert "migrations/größe.md".encode() in packed
        assert b"PaxHeader" not in packed
