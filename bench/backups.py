"""Backups and ways back of databases of 10 MB to 2 GB."""

from __future__ import annotations

import json
import shlex
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contestants import SH
from bench.measure import Record, peak_megabytes, run, seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server import ServerUnderTest, Site

TOOL = "this tool"
AIMED_AT = "2000 MB"
"""Of a small database a backup is mostly Python's start, a connection and four `docker exec`."""
DATA = Path(__file__).with_name("data.sql")

GUIDE = "pg_dump | gzip"
BARE = "pg_dump -Z1"
CUSTOM = "pg_dump -Fc"
COPY = "copy of the files"
PLAIN = "zcat | psql"

STOP = "/tmp/stop"  # noqa: S108 - in a throw-away container


def measure(server: ServerUnderTest, record: Record, *, rounds: int, quick: bool) -> None:
    """Fill a database of each size once, then let all take turns on it."""
    for megabytes in (10, 50) if quick else (10, 200, 2000):
        with server.fresh() as site:
            print(f"bench: filling a database of {megabytes} MB", flush=True)
            fill(site, megabytes)
            size = int(site.psql("SELECT pg_database_size(current_database())")) / 1e6
            record.add("size", f"{megabytes} MB", "database, MB", size)
            for number in range(rounds):
                print(f"bench: round {number + 1} of {rounds}, backups of {megabytes} MB", flush=True)
                _backups(site, record, f"{megabytes} MB")
                _ways_back(site, record, f"{megabytes} MB")
                _fetch(site, record, f"{megabytes} MB")
                site.ssh(f"rm -rf {site.remote_dir}/backups")
            site.psql(f"DROP DATABASE {site.database} WITH (FORCE)", "postgres")


def fill(site: Site, megabytes: int) -> None:
    psql = [
        "docker",
        "exec",
        "-i",
        site.container,
        "psql",
        "-XqAt",
        "-v",
        "ON_ERROR_STOP=1",
        "-v",
        f"megabytes={megabytes}",
    ]
    run([*psql, "-U", site.user, "-d", site.database], stdin=DATA.read_bytes())
    site.psql("CHECKPOINT", "postgres")


def _backups(site: Site, record: Record, case: str) -> None:
    """All of them over ssh, as one would; the tool's is verified, the others are what they are."""
    where = f"{site.remote_dir}/by_hand"
    site.ssh(f"mkdir -p {where}")
    dump = f"docker exec {site.container} pg_dump -U {site.user} {site.database}"
    record.add("backup", case, TOOL, seconds_of(lambda: site.fab("backup", check=0, timeout=1200)))
    _remember_size(site, record, case, TOOL, "backups/backup_prod_2*.sql.gz")
    for who, command, file in (
        (GUIDE, f"{dump} | gzip >{where}/guide.gz", "guide.gz"),
        (BARE, f"{dump} -Z1 >{where}/bare.gz", "bare.gz"),
        (CUSTOM, f"{dump} -Fc >{where}/custom.dump", "custom.dump"),
    ):
        record.add("backup", case, who, seconds_of(lambda command=command: site.ssh(command, timeout=1200)))  # type: ignore[misc]  # bound now
        _remember_size(site, record, case, who, f"by_hand/{file}")
    record.add("backup", case, COPY, seconds_of(lambda: _copy_files(site)))
    if case != AIMED_AT:  # it takes as long as the restore that is measured below
        proof = seconds_of(lambda: site.fab("verify", "--backup=latest", check=0, timeout=1800))
        record.add("verify", case, "this tool, by restoring it", proof)


def _remember_size(site: Site, record: Record, case: str, who: str, pattern: str) -> None:
    size = int(site.ssh(f"cat {site.remote_dir}/{pattern} | wc -c"))
    samples = record.find("backup", case, who)
    if samples:
        samples.notes["megabytes"] = size / 1e6


def _copy_files(site: Site) -> None:
    """Copy the database's own files: the limit, and no backup, for the database isn't stopped meanwhile."""
    folder = site.psql(
        "SELECT current_setting('data_directory') || '/base/' || oid FROM pg_database WHERE datname = current_database()"
    )
    run(
        [
            "docker",
            "exec",
            site.container,
            "sh",
            "-c",
            f"cp -r {folder} /tmp/copy && sync -f /tmp/copy && rm -r /tmp/copy",
        ]
    )


def _ways_back(site: Site, record: Record, case: str) -> None:
    plain = "plain_restore"
    site.psql(f"CREATE DATABASE {plain}", "postgres")
    psql = f"docker exec -i {site.container} psql -q -o /dev/null -U {site.user} -d {plain}"
    restore = f"zcat {site.remote_dir}/by_hand/guide.gz | {psql}"
    record.add("restore", case, PLAIN, seconds_of(lambda: site.ssh(restore, timeout=1800)))
    site.psql(f"DROP DATABASE {plain}", "postgres")
    with asking_for_answers(site) as answers:
        took = seconds_of(lambda: answers.told.append(_roll_back(site)))
    record.add("restore", case, TOOL, took)
    record.add("outage", case, "as a client sees it", answers.longest_gap_s)
    record.add("outage", case, "as the tool says", answers.told[0])
    site.fab("forget", "--yes", check=0, timeout=300)


def _roll_back(site: Site) -> float:
    said = site.fab("rollback", "--backup=latest", "--yes", "--json", check=0, timeout=1800)
    return float(json.loads(said.stdout)["outage_ms"]) / 1000


class Answers:
    """When a client that connects anew each time got an answer."""

    def __init__(self) -> None:
        self.told: list[float] = []
        self.at_s: list[float] = []

    @property
    def longest_gap_s(self) -> float:
        return max((later - earlier for earlier, later in zip(self.at_s, self.at_s[1:], strict=False)), default=0.0)


@contextmanager
def asking_for_answers(site: Site) -> Iterator[Answers]:
    answers = Answers()
    ask = ["docker", "exec", "-i", site.container, "sh", "-s", site.user, site.database]
    with subprocess.Popen(ask, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdin  # noqa: S101 - asked for above
        assert client.stdout  # noqa: S101 - asked for above
        client.stdin.write((SH / "outage.sh").read_bytes())
        client.stdin.close()
        lines = client.stdout
        reader = threading.Thread(target=lambda: answers.at_s.extend(int(line) / 1e9 for line in lines))
        reader.start()
        try:
            yield answers
        finally:
            run(["docker", "exec", site.container, "touch", STOP])
            reader.join()


def _fetch(site: Site, record: Record, case: str) -> None:
    """The memory that the client has at most, and scp beside it for the time."""
    (path,) = site.ssh(f"ls {site.remote_dir}/backups/backup_prod_2*.sql.gz").decode().split()
    name = path.rpartition("/")[2]
    for folder in ("fetched", "scp"):
        (site.project / folder).mkdir(exist_ok=True)
    memory = peak_megabytes(site, "fetch", f"--backup={name}", "--output=fetched")
    record.add("memory", f"fetch of a backup of {case}", "MB", memory)
    (site.project / "fetched" / name).unlink()
    record.add(
        "fetch", case, TOOL, seconds_of(lambda: site.fab("fetch", f"--backup={name}", "--output=fetched", check=0))
    )
    by_ssh = f"ssh -F {site.ssh_config} prod cat {path} >{shlex.quote(str(site.project))}/scp/it"
    record.add("fetch", case, "ssh cat", seconds_of(lambda: run(["sh", "-c", by_ssh])))
    (site.project / "fetched" / name).unlink()
