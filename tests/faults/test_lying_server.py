"""A server that lies can't hang, fill or fool the client: it stops, it stays small, and it never says "done" for what was not."""

from __future__ import annotations

import json
import random
import signal
import time
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from deploy.job.runner import printable
from tests.faults.liar import (
    DATABASE,
    Desk,
    Liar,
    Victim,
    a_log,
    endlessly,
    events_without_end,
    facts,
    hanging_up,
    raw,
    saying,
    silence,
    slowly,
)

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from tests.faults.liar import Lie

MOST_MB = 120
LONGEST_S = 30
"""On a machine that is busy with other tests; by itself each takes one to five seconds."""

GARBAGE = random.Random(1).randbytes(65536)  # noqa: S311 - it only has to be repeatable
HONEST = saying(facts())
EVIL = "\x1b]0;pwned\x07\x1b[2J\x9b31m"
"""What a terminal would obey: a new title, an empty screen, red."""

NONSENSE, LOST, UNKNOWN, DIED = 66, 64, 59, 55


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk.set_up(tmp_path)


def lied_to(desk: Desk, *args: str, lies: list[Lie]) -> Victim:
    """Run a command against a server that lies in this way, and see to what holds for all of them."""
    with Liar(lies, desk.host_key).listening() as liar:
        victim = desk.run(liar.port, *args)
    said = victim.stdout + victim.stderr
    assert "Traceback" not in said
    assert not {c for c in said if not c.isprintable()} - {"\n"}, "a terminal would obey"
    assert victim.took_s < LONGEST_S
    assert victim.peak_mb < MOST_MB
    return victim


class TestALookAtAServer:
    @pytest.mark.parametrize(
        ("lie", "status"),
        [
            pytest.param(saying(GARBAGE * 16), NONSENSE, id="garbage"),
            pytest.param(endlessly(GARBAGE), NONSENSE, id="garbage without end"),
            pytest.param(endlessly(b"\n"), NONSENSE, id="lines without end"),
            pytest.param(endlessly(b"x" * 1000, stderr=True), NONSENSE, id="complaints without end"),
            pytest.param(
                saying(facts(*["audit [" + "[]," * 50_000 + "[]]"] * 3)), NONSENSE, id="lists that grow in memory"
            ),
            pytest.param(saying(facts(database="[" * 900_000)), NONSENSE, id="deep JSON"),
            pytest.param(saying(facts(free_kb="9" * 4000)), NONSENSE, id="a huge number"),
            pytest.param(silence, LOST, id="nothing"),
            pytest.param(slowly(facts(), pause_s=0.4), NONSENSE, id="a byte now and then"),
            pytest.param(hanging_up, LOST, id="a line that goes dead"),
        ],
    )
    def test_that_lies_comes_to_an_end(self, desk: Desk, lie: Lie, status: int) -> None:
        assert lied_to(desk, "history", lies=[lie]).status == status

    def test_may_hold_as_much_as_is_allowed_in_little_memory(self, desk: Desk) -> None:
        """Eight megabytes of what a terminal shows as wide characters, which take four bytes each here."""
        line = 'audit {"event":"started","job":"' + "✅" * 300_000 + '"}'
        assert lied_to(desk, "history", lies=[saying(facts(*[line] * 7))]).status == 0

    def test_shows_nothing_that_a_terminal_obeys(self, desk: Desk) -> None:
        """Not in the answer itself, not in names, and not in JSON, where it is escaped."""
        evil = {key: EVIL if isinstance(value, str) else value for key, value in DATABASE.items()}
        more = [f"audit {json.dumps({'event': 'started', 'job': EVIL, 'by': EVIL})}", f"backup 1 1 {EVIL}.sql.gz"]
        lies = [saying(facts(*more, user=EVIL, kernel=EVIL, database=json.dumps(evil), last_job=EVIL))]
        for command in ("status", "doctor", "history", "backups"):
            lied_to(desk, command, lies=[*lies, saying(f"{EVIL} # backtester-deploy prod /opt/backtester\n".encode())])
        lied_to(desk, "status", "--json", lies=lies)
        assert EVIL not in lied_to(desk, "status", lies=[saying(EVIL.encode(), stderr=EVIL.encode(), status=1)]).stdout


class TestAJobThatIsFollowed:
    @pytest.mark.parametrize(
        ("lie", "status"),
        [
            pytest.param(endlessly(GARBAGE), UNKNOWN, id="garbage without end"),
            pytest.param(endlessly(b"x"), UNKNOWN, id="a line without end"),
            pytest.param(endlessly(b"x" * 100_000 + b"\n"), UNKNOWN, id="words without end"),
            pytest.param(
                events_without_end('{"event":"applied","name":"001_one.sql"}'), UNKNOWN, id="events without end"
            ),
            pytest.param(endlessly(b".", stderr=True), UNKNOWN, id="dots without end"),
            pytest.param(silence, UNKNOWN, id="nothing, again and again"),
            pytest.param(
                a_log('MARK {"event":"begun","job":"j","command":"deploy"}', then=hanging_up), UNKNOWN, id="hanging up"
            ),
        ],
    )
    def test_and_never_ends_is_of_unknown_outcome(self, desk: Desk, lie: Lie, status: int) -> None:
        """Neither done nor failed nor refused: it may have worked."""
        victim = lied_to(desk, "deploy", "--json", lies=[HONEST, lie])
        assert victim.status == status
        assert json.loads(victim.stdout)["outcome"] == "unknown"

    @pytest.mark.parametrize(
        "lines",
        [
            pytest.param(['@0123456789abcdef {"event":"ended","outcome":"done","reason":""}'], id="another mark"),
            pytest.param(['{"event":"ended","outcome":"done","reason":""}'], id="no mark"),
            pytest.param(['MARK {"event":"ended","outcome":"done","reason":'], id="half of it"),
            pytest.param(["MARK " + "[" * 100_000], id="deep JSON"),
            pytest.param(['MARK {"event":"ended","outcome":["done"],"reason":""}'], id="another type"),
        ],
    )
    def test_isnt_done_because_something_looks_like_it(self, desk: Desk, lines: list[str]) -> None:
        victim = lied_to(desk, "deploy", "--json", lies=[HONEST, a_log(*lines), HONEST])
        assert victim.status == DIED
        assert json.loads(victim.stdout)["outcome"] == "failed"

    def test_asks_nobody_what_the_command_doesnt_ask(self, desk: Desk) -> None:
        asking = a_log('MARK {"event":"confirm"}', 'MARK {"event":"ended","outcome":"failed","reason":"x"}')
        with Liar([HONEST, asking], desk.host_key).listening() as liar:
            assert "Type yes" not in desk.run(liar.port, "deploy").stdout
        assert not [command for command in liar.asked if "/answer." in command]

    def test_shows_nothing_that_a_terminal_obeys(self, desk: Desk) -> None:
        """In any field of any event, and in what programs say."""
        text = json.dumps(EVIL)
        words = [
            "warning",
            "backing_up",
            "migration",
            "applied",
            "step",
            "begun",
            "failed",
            "waiting",
            "forgotten",
            "proven",
        ]
        keys = (
            "job",
            "command",
            "name",
            "text",
            "backup",
            "reason",
            "detail",
            "application",
            "user",
            "state",
            "since",
            "query",
        )
        fields = ",".join(f'"{key}":{text}' for key in (*keys, "database", "restored_at"))
        lines = [f'MARK {{"event":"{word}",{fields},"pid":1}}' for word in words]
        lied_to(desk, "deploy", lies=[HONEST, a_log(EVIL, *lines, "\udc80\udcff"), HONEST])

    def test_can_be_left_at_any_time(self, desk: Desk) -> None:
        """A job that goes on for ever looks like a long one; Ctrl-C leaves both at once."""
        with Liar([HONEST, slowly(b"x", pause_s=0.2)], desk.host_key).listening() as liar:
            client = desk.spawn(liar.port, "deploy")
            while len(liar.asked) < 2:
                time.sleep(0.02)
            time.sleep(1)
            client.send_signal(signal.SIGINT)
            said, _ = client.communicate(timeout=10)
        assert client.returncode == 130
        assert "fab -H prod follow" in said


class TestAFileThatIsBroughtHere:
    @pytest.mark.parametrize(
        "name", ["../../evil.sql.gz", "..", ".hidden.sql.gz", "a\\b.sql.gz", f"{EVIL}.sql.gz", "x" * 300 + ".sql.gz"]
    )
    def test_never_leaves_its_directory(self, desk: Desk, name: str) -> None:
        """Whatever the server calls it: the sum is right and the content is there, so that its name alone stands in the way."""
        before = everything_in(desk)
        content = b"evil"
        lies = [
            saying(facts(f"backup {len(content)} 1795348503 {name}")),
            saying(f"{sha256(content).hexdigest()}  x\n".encode()),
            saying(content),
        ]
        lied_to(desk, "fetch", f"--backup={printable(name)}", "--output=here", lies=lies)
        new = everything_in(desk) - before
        assert all(path.isprintable() and path.startswith("project/here") for path in new), new

    def test_that_is_longer_than_it_should_be_fills_nothing(self, desk: Desk) -> None:
        name = "pre_deploy_20261122_115500.sql.gz"
        manifest: dict[str, object] = {
            "sha256": "0" * 64,
            "taken_at": "2026-11-22T11:55:00Z",
            "migration": None,
            "database": "x",
            "server_version": 1,
        }
        manifest |= {"verified": True, "restored_at": None, "tables": {}}
        look = saying(facts(f"backup 1000 1795348503 {name}", f"manifest ./{name}.json\t{json.dumps(manifest)}"))
        victim = lied_to(desk, "fetch", f"--backup={name}", "--output=here", lies=[look, endlessly(GARBAGE)])
        assert victim.status == 54
        assert not list((desk.project / "here").iterdir())


class TestAFileThatIsTakenUp:
    @pytest.mark.parametrize("lie", [slowly(b"0\n", pause_s=0.1), slowly(b"7\n", pause_s=0.1), silence])
    def test_and_never_arrives_is_given_up(self, desk: Desk, lie: Lie) -> None:
        (desk.project / "mine.sql.gz").write_bytes(b"x" * 1000)
        victim = lied_to(desk, "verify", "--backup=./mine.sql.gz", lies=[HONEST, lie])
        assert victim.status == LOST
        assert "nothing was changed" in victim.stderr + victim.stdout


def everything_in(desk: Desk) -> set[str]:
    """Return all paths of the client's side but those that the test itself writes."""
    paths = {str(path.relative_to(desk.folder)) for path in desk.folder.rglob("*") if "__pycache__" not in str(path)}
    return paths - {"ssh_config", "known_hosts"}


def dripping(connection: socket.socket) -> None:
    """A banner that goes on a byte at a time."""
    for byte in b"SSH-2.0-" + b"x" * 1000:
        connection.sendall(bytes([byte]))
        time.sleep(0.3)


def chatting(connection: socket.socket) -> None:
    """Lines before the banner, without end; the protocol allows them."""
    while True:
        connection.sendall(b"welcome\r\n" * 1000)


def babbling(connection: socket.socket) -> None:
    """Random packets behind a good banner."""
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    while True:
        connection.sendall(GARBAGE)


def mute(connection: socket.socket) -> None:
    """A good banner, and nothing behind it."""
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    connection.recv(1)
    time.sleep(60)


class TestAConnection:
    @pytest.mark.parametrize("words", [dripping, chatting, babbling, mute])
    def test_that_is_none_is_given_up(self, desk: Desk, words: object) -> None:
        assert callable(words)
        with raw(words) as port:
            victim = desk.run(port, "status")
        assert victim.status == 60
        assert victim.took_s < LONGEST_S
        assert victim.peak_mb < MOST_MB
        assert "Traceback" not in victim.stdout + victim.stderr
