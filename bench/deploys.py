"""Deploys of 1 to 1000 new files, of one more, and of nothing, at no and at 100 ms of round-trip time."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from bench.contestants import Contestant, Dbmate, Limit, Loop, Peer, Rehearsing, Sqitch, Tool, Yoyo, peers
from bench.measure import Record, run, seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.server import Proxy, ServerUnderTest, Site

NEW, NOTHING, ONE = "new", "nothing pending", "one pending"
CONNECTION = "ssh true"


def case_of(state: str, files: int, rtt_ms: int) -> str:
    return f"{rtt_ms} ms, {files} files, {state}"


def measure(server: ServerUnderTest, record: Record, *, rounds: int, quick: bool) -> None:
    """Let all contestants deploy; a round has all of them, one after the other."""
    for number in range(rounds):
        print(f"bench: round {number + 1} of {rounds}, deploys", flush=True)
        for rtt_ms in (0, 100):
            for files in (1, 10, 100) if quick else (1, 10, 100, 1000):
                for contestant in entrants(files, rtt_ms, quick=quick):
                    _one(server, record, contestant, files, rtt_ms)


def entrants(files: int, rtt_ms: int, *, quick: bool) -> Iterator[Contestant]:
    """Give those who take part; who would take many minutes at it sits out."""
    yield Tool()
    yield Limit()
    if not rtt_ms and files <= (10 if quick else 1000):
        yield Rehearsing()
    if files <= (10 if quick else 100):
        yield Loop()
    for peer in peers():
        if files in _files_for(peer, rtt_ms, quick=quick):
            yield peer


def _files_for(peer: Peer, rtt_ms: int, *, quick: bool) -> Sequence[int]:
    """Return how many files a peer deploys: at 100 ms two need seconds for each, and without delay a minute for 1000."""
    if quick:
        return (10,) if not rtt_ms or isinstance(peer, Dbmate) else ()
    if isinstance(peer, Yoyo | Sqitch):
        return () if rtt_ms else (10, 100)
    return (10,) if rtt_ms else (10, 100, 1000)


def _one(server: ServerUnderTest, record: Record, contestant: Contestant, files: int, rtt_ms: int) -> None:
    with ExitStack() as stack:
        site = stack.enter_context(server.fresh())
        proxy = None
        if rtt_ms:
            proxy = stack.enter_context(server.proxy(delay_s=rtt_ms / 2000))
            site = site.through(proxy)
        contestant.prepare(site)
        for number in range(1, files + 1):
            contestant.write(site, number)
        for state in _states_of(contestant):
            if state == ONE:
                contestant.write(site, files + 1)
            _timed(record, contestant, site, proxy, case_of(state, files, rtt_ms))
        if isinstance(contestant, Limit):
            ssh: list[str | Path] = ["ssh", "-F", site.ssh_config, site.host, "true"]
            record.add("deploy", case_of(NOTHING, files, rtt_ms), CONNECTION, seconds_of(lambda: run(ssh)))
        site.psql(f"DROP DATABASE {site.database} WITH (FORCE)", "postgres")


def _states_of(contestant: Contestant) -> Sequence[str]:
    """The loop can't tell what is pending, and a rehearsal is of what is: once is enough to know what that costs."""
    return (NEW,) if isinstance(contestant, Loop | Rehearsing) else (NEW, NOTHING, ONE)


def _timed(record: Record, contestant: Contestant, site: Site, proxy: Proxy | None, case: str) -> None:
    # what the server still has to write down of those before is not for this one to pay
    site.psql("CHECKPOINT", "postgres")
    before = proxy.traffic.turns if proxy else 0
    try:
        took = seconds_of(lambda: contestant.deploy(site))
    except SystemExit as failed:
        if not isinstance(contestant, Peer):
            raise
        print(f"{failed}: {contestant.name} sits {case} out", flush=True)
        return
    notes = {"turns": float(proxy.traffic.turns - before)} if proxy else {}
    record.add("deploy", case, contestant.name, took, **notes)
    print(f"bench: {case}: {contestant.name} {took:.2f} s", flush=True)
