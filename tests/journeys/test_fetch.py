"""Backups on the road: here and up again, across lost connections, and never over another file."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deploy.model.errors import DeployError, LockHeld, UploadDamaged, UsageError
from deploy.server.local import LocalShell
from deploy.server.transfer import sum_here, upload
from tests.journeys.invariants import backups, is_worked_on, manifest_of, wait_until, whole, write_work

if TYPE_CHECKING:
    from tests.server import Proxy, Site

BIG = os.urandom(40_000_000)
"""Takes a while on a slow line."""


def fetched(site: Site, *flags: str, check: int = 0) -> dict[str, Any]:
    """Fetch, and give what --json says."""
    found: dict[str, Any] = json.loads(site.fab("fetch", "--json", *flags, check=check).stdout)
    return found


def put_big(site: Site) -> Path:
    """Put a large file among the server's backups, and return where its partial copy will stand here."""
    site.write_remote("backups/big.sql.gz", BIG)
    return site.project / ".big.sql.gz.part"


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


class TestFetch:
    def test_brings_the_backup_and_its_manifest(self, site: Site) -> None:
        """For the owner alone to read; a second time says that it is here."""
        write_work(site, 1)
        site.fab("deploy", check=0)
        (name,) = backups(site)
        content = site.read_remote(f"backups/{name}")
        expected = {
            "host": "prod",
            "backup": name,
            "path": f"kept/{name}",
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "error": None,
        }

        assert fetched(site, "--backup=latest", "--output=kept") == {**expected, "outcome": "fetched"}

        file, manifest = site.project / "kept" / name, site.project / "kept" / f"{name}.json"
        assert file.read_bytes() == content
        assert manifest.read_bytes() == site.read_remote(f"backups/{name}.json")
        assert [stat.S_IMODE(path.stat().st_mode) for path in (file, manifest)] == [0o600, 0o600]
        assert sorted(path.name for path in file.parent.iterdir()) == [name, manifest.name]
        assert fetched(site, f"--backup=backups/{name}", "--output=kept") == {**expected, "outcome": "present"}

    def test_needs_no_database(self, site: Site) -> None:
        """The night when it is down is the night when one wants the backup."""
        site.write_remote("backups/old one.sql", b"SELECT 1;")
        done = site.fab("fetch", "--backup=old one.sql", env={"FABRIC_DEPLOY_CONTAINER": "gone"}, check=0)
        assert (site.project / "old one.sql").read_bytes() == b"SELECT 1;"
        assert len(done.stdout.splitlines()) == 2, "without a terminal nothing moves"

    def test_goes_on_where_the_connection_was_lost(self, site: Site, proxy: Proxy) -> None:
        part = put_big(site)
        proxy.delay_s = 0.05
        far = site.through(proxy)
        client = far.spawn("fetch", "--backup=big.sql.gz")
        wait_until(lambda: size_of(part) > 4_000_000)
        proxy.cut()
        said, _ = client.communicate(timeout=60)
        assert client.returncode == 64, said
        assert "it goes on from there" in said
        had = size_of(part)
        assert 4_000_000 < had < len(BIG)
        assert stat.S_IMODE(part.stat().st_mode) == 0o600

        proxy.heal()
        before = proxy.traffic.received
        far.fab("fetch", "--backup=big.sql.gz", check=0)

        assert (site.project / "big.sql.gz").read_bytes() == BIG
        assert proxy.traffic.received - before < len(BIG) - had + 1_000_000
        assert not part.exists()

    @pytest.mark.parametrize("size", [1000, len(BIG)])
    def test_removes_a_damaged_part(self, site: Site, size: int) -> None:
        """It can't be mended, so the next try begins anew."""
        part = put_big(site)
        part.write_bytes(b"x" * size)
        assert fetched(site, "--backup=big.sql.gz", check=54)["outcome"] == "failed"
        assert not part.exists()
        assert not (site.project / "big.sql.gz").exists()
        assert fetched(site, "--backup=big.sql.gz")["outcome"] == "fetched"

    def test_begins_anew_when_the_part_is_longer_than_the_file(self, site: Site) -> None:
        put_big(site).write_bytes(BIG + b"x")
        fetched(site, "--backup=big.sql.gz")
        assert (site.project / "big.sql.gz").read_bytes() == BIG

    @pytest.mark.parametrize("mine", ["backup", "manifest"])
    def test_never_writes_over_a_file(self, site: Site, mine: str) -> None:
        write_work(site, 1)
        site.fab("deploy", check=0)
        (name,) = backups(site)
        file = site.project / (name if mine == "backup" else f"{name}.json")
        file.write_text("mine", "utf-8")
        done = site.fab("fetch", "--backup=latest", check=10)
        assert "is here already, with other content" in done.stdout
        assert file.read_text("utf-8") == "mine"
        assert [path.name for path in site.project.glob("*pre_deploy*")] == [file.name]

    def test_writes_through_no_link(self, site: Site) -> None:
        """A link in the place of the partial file would lead anywhere."""
        put_big(site).symlink_to(site.home / "elsewhere")
        site.fab("fetch", "--backup=big.sql.gz", check=10)
        assert not (site.home / "elsewhere").exists()

    def test_takes_memory_that_does_not_grow_with_the_file(self, site: Site) -> None:
        """Measured as the whole client's, beside that of a fetch of nine bytes."""
        put_big(site)
        site.write_remote("backups/small.sql", b"SELECT 1;")
        small, large = (peak_memory(site, f"--backup={name}") for name in ("small.sql", "big.sql.gz"))
        assert large - small < 16 * 2**20

    def test_lists_the_candidates(self, site: Site) -> None:
        site.write_remote("backups/old.sql", b"SELECT 1;")
        refused = site.fab("fetch", check=42).stdout
        assert "--backup says which one, and is empty" in refused
        assert "old.sql" in refused


def peak_memory(site: Site, *flags: str) -> int:
    """Return the bytes that a fetch had at most, as long as one could look."""
    client = site.spawn("fetch", *flags)
    peak = 0
    while client.poll() is None:
        status = Path(f"/proc/{client.pid}/status").read_text("utf-8")
        if found := re.search(r"VmHWM:\s+([0-9]+) kB", status):
            peak = int(found[1]) * 1024
        time.sleep(0.005)
    assert client.returncode == 0
    return peak


class TestRollbackToAFileFromHere:
    def test_takes_it_up_and_goes_on_as_usual(self, site: Site) -> None:
        """Fetched, gone on the server, taken up again with its manifest: the database is what it was."""
        before = whole(site)
        write_work(site, 1)
        site.fab("deploy", check=0)
        fetched(site, "--backup=latest", "--output=kept")
        (name,) = backups(site)
        manifest = manifest_of(site, name)
        site.ssh(f"rm {site.remote_dir}/backups/*")

        planned = site.fab("rollback", f"--backup=kept/{name}", "--dry-run", check=0)
        assert name in planned.stdout
        assert not backups(site), "a dry run brings nothing up"
        site.fab("rollback", f"--backup=./kept/{name}", check=13)
        assert not backups(site), "nobody could have said yes"
        done = site.fab("rollback", f"--backup=./kept/{name}", "--yes", check=0)

        assert "uploaded" in done.stdout
        assert whole(site) == before
        assert manifest_of(site, name) == manifest
        again = site.fab("verify", f"--backup={site.project}/kept/{name}", check=0)
        assert name in again.stdout

    def test_uses_what_is_there_already(self, site: Site) -> None:
        write_work(site, 1)
        site.fab("deploy", check=0)
        fetched(site, "--backup=latest")
        (name,) = backups(site)
        assert "the server has it already" in site.fab("verify", f"--backup=./{name}", check=0).stdout

    def test_proves_one_that_has_no_manifest(self, site: Site) -> None:
        """Any dump, by any name that fits; a manifest of another file isn't believed."""
        (site.project / "mine.sql").write_bytes(site.dump())
        (site.project / "mine.sql.json").write_text('{"sha256": "0"}', "utf-8")
        site.fab("verify", "--backup=mine.sql", check=0)
        assert manifest_of(site, "mine.sql")["sha256"] == sum_here(site.project / "mine.sql")

    def test_is_refused_before_anything_travels(self, site: Site) -> None:
        site.write_remote("backups/theirs.sql", b"theirs")
        for name in ("theirs.sql", "two words.sql", "latest", "-x.sql"):
            (site.project / name).write_text("ours ", "utf-8")
        assert "Rename the file here" in site.fab("verify", "--backup=./theirs.sql", check=10).stdout
        assert "Rename the file" in site.fab("verify", "--backup=./two words.sql", check=10).stdout
        assert "Rename the file" in site.fab("verify", "--backup=./latest", check=10).stdout
        assert "Rename the file" in site.fab("verify", "--backup=./-x.sql", check=10).stdout
        assert "can't be read here" in site.fab("verify", "--backup=./gone.sql", check=10).stdout
        assert "is no file" in site.fab("verify", "--backup=./migrations/../migrations", check=10).stdout
        site.fab("verify", "--backup=gone.sql", check=42)
        assert [path for path in site.remote_files() if path.startswith("backups/")] == ["backups/theirs.sql"]

    def test_is_refused_for_lack_of_space(self, site: Site) -> None:
        site.small_disk(20)
        (site.project / "big.sql.gz").write_bytes(BIG)
        site.fab("rollback", "--backup=./big.sql.gz", "--yes", check=44)
        assert not [path for path in site.remote_files() if path.startswith("backups/")]

    def test_leaves_nothing_when_the_connection_is_lost(self, site: Site, proxy: Proxy) -> None:
        """And no lock: the next try works at once."""
        (site.project / "big.sql").write_bytes(b"-- " + BIG)
        proxy.delay_s = 0.05
        client = site.through(proxy).spawn("verify", "--backup=./big.sql")
        wait_until(lambda: "backups/.big.sql.part" in site.remote_files())
        assert is_worked_on(site)
        refused = site.fab("verify", "--backup=./big.sql", check=53)
        assert "the upload of big.sql by" in refused.stdout
        proxy.cut()
        said, _ = client.communicate(timeout=60)
        assert client.returncode == 64, said
        wait_until(lambda: not is_worked_on(site))
        assert not [path for path in site.remote_files() if path.startswith("backups/")]
        refused = site.fab("verify", "--backup=./big.sql", check=43)
        assert "it isn't a dump by pg_dump" in refused.stdout


class TestTheServersSideOfAnUpload:
    """The same script on this machine, where each of its answers can be had."""

    def take(self, folder: Path, *, content: bytes = b"ours", digest: str = "", name: str = "x.sql") -> str:
        source = folder / "source"
        source.write_bytes(content)
        sizes: list[int] = []
        remote_dir = str(folder / "server")
        return upload(
            LocalShell(),
            source,
            digest or sum_here(source),
            name,
            remote_dir=remote_dir,
            holder="{}",
            progress=sizes.append,
        )

    def files(self, folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (folder / "server" / "backups").iterdir()}

    def test_stores_a_file_for_its_owner_alone(self, tmp_path: Path) -> None:
        assert self.take(tmp_path) == "stored"
        assert self.files(tmp_path) == {"x.sql": b"ours"}
        assert stat.S_IMODE((tmp_path / "server" / "backups" / "x.sql").stat().st_mode) == 0o600
        assert not (tmp_path / "server" / ".deploy" / "holder").exists()
        assert self.take(tmp_path) == "present"

    def test_never_writes_over_another(self, tmp_path: Path) -> None:
        self.take(tmp_path)
        with pytest.raises(UsageError, match="another backup"):
            self.take(tmp_path, content=b"else")
        assert self.files(tmp_path) == {"x.sql": b"ours"}

    def test_believes_the_sum_alone(self, tmp_path: Path) -> None:
        with pytest.raises(UploadDamaged):
            self.take(tmp_path, digest="0" * 64)
        assert self.files(tmp_path) == {}

    def test_waits_for_nobody(self, tmp_path: Path) -> None:
        (tmp_path / "server" / ".deploy").mkdir(parents=True)
        with (tmp_path / "server" / ".deploy" / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(LockHeld):
                self.take(tmp_path)
        assert self.files(tmp_path) == {}

    def test_takes_away_a_manifest_that_has_lost_its_backup(self, tmp_path: Path) -> None:
        (tmp_path / "server" / "backups").mkdir(parents=True)
        (tmp_path / "server" / "backups" / "x.sql.json").write_text("{}", "utf-8")
        self.take(tmp_path)
        assert self.files(tmp_path) == {"x.sql": b"ours"}

    def test_follows_no_link_that_leads_nowhere(self, tmp_path: Path) -> None:
        (tmp_path / "server" / "backups").mkdir(parents=True)
        (tmp_path / "server" / "backups" / "x.sql").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(DeployError, match="another backup"):
            self.take(tmp_path)
        assert not (tmp_path / "elsewhere").exists()
