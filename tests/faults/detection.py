"""A backup that failed is told from one that is good, 100 of 100 times, in each of the ways in which they fail."""

from __future__ import annotations

import random
import time
import traceback
from typing import TYPE_CHECKING

from tests.faults.rounds import Result
from tests.faults.truth import assert_files_are_private
from tests.journeys.invariants import backups, is_partial, wait_until_nobody_works
from tests.server.machine import as_root, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.ground import Ground
    from tests.server import Site

FAILED, UNVERIFIED, UNUSABLE, NO_SPACE = 40, 41, 43, 44
"""BackupFailed, BackupUnverified, BackupUnusable, NoSpace."""

HEADER = 10
"""Bytes of a gzip file that say nothing about its content, so that no damage is done there."""

HEAVY = (
    "CREATE TABLE heavy AS SELECT i, md5(i::text) || md5((i + 1)::text) AS text FROM generate_series(1, 120000) AS i"
)
"""A table that takes pg_dump a moment, in which it can be hit."""


class Detector:
    """Damages backups on one ground, and sees that each is refused."""

    def __init__(self, ground: Ground, failures: Path) -> None:
        self._ground = ground
        self._failures = failures
        self._is_ready = False
        self._bytes = 0
        self._dump_s = 0.0

    def attempt(self, damage: str, seed: int) -> Result:
        """Damage one backup. `struck` tells whether it was hit at all."""
        result = Result(seed, "backup", damage)
        began = time.monotonic()
        if not self._is_ready:
            self._prepare()
        try:
            DAMAGES[damage](self, random.Random(seed), result)  # noqa: S311 - it only has to be repeatable
        except Exception:  # noqa: BLE001 - whatever it is, it is this attempt's
            result.why = traceback.format_exc()
            folder = self._failures / f"{damage} {seed}".replace(" ", "-")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "why").write_text(result.why, encoding="utf-8")
            self._is_ready = False
        result.took_s = round(time.monotonic() - began, 1)
        return result

    @property
    def site(self) -> Site:
        return self._ground.site

    def _prepare(self) -> None:
        site = self._ground.put_back("deployed")
        site.psql(HEAVY)
        site.psql("CREATE DATABASE shop_empty", "postgres")
        site.psql("CREATE DATABASE shop_other TEMPLATE stage_fresh_0", "postgres")
        site.psql("CREATE DATABASE shop_twin TEMPLATE stage_deployed_0", "postgres")
        # as many tables as the right one has
        site.psql("CREATE TABLE weighty AS SELECT 1 AS i", "shop_twin")
        self._ground.spoil("watched")
        assert self._back_up() == 0
        begun, dumped = self._ground.moment_of("reached"), self._ground.moment_of("dumped")
        assert begun
        assert dumped
        self._dump_s = dumped - begun
        self._ground.spoil("")
        self._bytes = len(site.read_remote(f"backups/{backups(site, 'backup_prod')[-1]}"))
        self._is_ready = True

    def _back_up(self) -> int:
        client = self.site.spawn_ssh(f"cd {self.site.remote_dir} && ./backup-db.sh prod")
        client.communicate(timeout=60)
        return client.returncode

    def _is_refused(
        self, result: Result, statuses: set[int], *, how: str = "", hurt: Callable[[], None] = lambda: None
    ) -> None:
        """Take a backup, spoiled in this way, which must fail with one of these statuses, and leave nothing that looks like one."""
        site = self.site
        self._ground.disarm()
        self._ground.spoil(how)
        before = counted(site)
        latest = latest_of(site)
        client = site.spawn_ssh(f"cd {site.remote_dir} && ./backup-db.sh prod")
        hurt()
        said, _ = client.communicate(timeout=60)
        result.status = client.returncode
        wait_until_nobody_works(site)
        self._ground.spoil("")
        if not result.struck:
            return
        assert client.returncode in statuses, f"not refused: {client.returncode}\n{said}"
        assert counted(site) == before, "it counts"
        assert latest_of(site) == latest
        assert not [path for path in site.remote_files() if path.startswith("backups/") and is_partial(path)]
        assert_files_are_private(site)

    # the ways

    def backend_killed(self, chance: random.Random, result: Result) -> None:
        """Somebody ends pg_dump's session, which alone has a transaction open."""
        delay_s = chance.uniform(0, self._dump_s)
        result.moment = f"{delay_s:.3f} s into the dump"

        def hurt() -> None:
            deadline = time.monotonic() + 30
            while self._ground.moment_of("reached") is None and time.monotonic() < deadline:
                time.sleep(0.002)
            time.sleep(delay_s)
            query = (
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name LIKE 'deploy:%' AND xact_start IS NOT NULL"
            )
            result.struck = self.site.psql(query, "postgres") != "0"

        self._is_refused(result, {FAILED}, how="watched", hurt=hurt)

    def wrong_database(self, chance: random.Random, result: Result) -> None:
        """What is dumped is another database, completely and without any error."""
        other = chance.choice(["postgres", "template1", "shop_empty", "shop_other", "shop_twin"])
        result.moment, result.struck = other, True
        self._is_refused(result, {UNVERIFIED}, how=f"elsewhere {other}")

    def docker_client_killed(self, chance: random.Random, result: Result) -> None:
        """Kill -9 of docker in the middle of the dump."""
        delay_s = chance.uniform(0, self._dump_s)
        result.moment = f"{delay_s:.3f} s into the dump"
        result.struck = True
        try:
            self._is_refused(result, {FAILED}, how=f"killed {delay_s:.3f}")
        except AssertionError:
            result.struck = self._ground.moment_of("killed") is not None
            if result.struck:
                raise

    def disk_full(self, chance: random.Random, result: Result) -> None:
        """The disk takes a part of the dump."""
        ground, folder = self._ground, self.site.remote_dir
        room = chance.randrange(0, self._bytes)
        result.moment, result.struck = f"room for {room} of {self._bytes} bytes", True
        ground.fill(folder)
        run(as_root("truncate", "-s", f"-{room}", str(folder / "filler")))
        try:
            self._is_refused(result, {NO_SPACE})
        finally:
            ground.free(folder)

    def truncated(self, chance: random.Random, result: Result) -> None:
        """The end of the file is missing, though pg_dump says that all went well."""
        length = chance.randrange(0, self._bytes - 1)
        result.moment, result.struck = f"{length} of {self._bytes} bytes", True
        self._is_refused(result, {UNVERIFIED}, how=f"truncated {length}")

    def bit_flipped(self, chance: random.Random, result: Result) -> None:
        """One bit is another one, though pg_dump says that all went well."""
        where, bit = chance.randrange(HEADER, self._bytes - 200), chance.randrange(8)
        result.moment, result.struck = f"bit {bit} of byte {where}", True
        self._is_refused(result, {UNVERIFIED}, how=f"flipped {where} {bit}")

    def truncated_at_rest(self, chance: random.Random, result: Result) -> None:
        """A good backup loses its end while it lies there."""
        self._at_rest(result, lambda good: good[: chance.randrange(0, len(good) - 1)], "cut")

    def bit_flipped_at_rest(self, chance: random.Random, result: Result) -> None:
        """One bit of a good backup changes while it lies there; also one that gzip itself doesn't look at."""
        self._at_rest(
            result, lambda good: flipped(good, chance.randrange(0, len(good)), chance.randrange(8)), "flipped"
        )

    def _at_rest(self, result: Result, damage: Callable[[bytes], bytes], word: str) -> None:
        """Damage what lies there: a rollback refuses it before anything is touched."""
        site = self.site
        name = backups(site, "pre_deploy")[-1]
        path = f"backups/{name}"
        good = site.read_remote(path)
        bad = damage(good)
        result.moment, result.struck = word, True
        site.write_remote(path, bad)
        try:
            client = site.spawn_ssh(f"cd {site.remote_dir} && ./restore-db.sh {path} prod --yes")
            said, _ = client.communicate(timeout=60)
            result.status = client.returncode
            assert client.returncode == UNUSABLE, f"not refused: {client.returncode}\n{said}"
        finally:
            site.write_remote(path, good)
        wait_until_nobody_works(site)


def flipped(content: bytes, where: int, bit: int) -> bytes:
    return content[:where] + bytes([content[where] ^ 1 << bit]) + content[where + 1 :]


def counted(site: Site) -> list[str]:
    """Return all that looks like a backup or its manifest."""
    return sorted(path for path in site.remote_files() if path.startswith("backups/"))


def latest_of(site: Site) -> bytes:
    return run(as_root("readlink", f"{site.remote_dir}/backups/backup_prod_latest.sql.gz"))


DAMAGES: dict[str, Callable[[Detector, random.Random, Result], None]] = {
    "killed backend": Detector.backend_killed,
    "wrong database": Detector.wrong_database,
    "killed docker client": Detector.docker_client_killed,
    "full disk": Detector.disk_full,
    "truncated": Detector.truncated,
    "bit flipped": Detector.bit_flipped,
    "truncated at rest": Detector.truncated_at_rest,
    "bit flipped at rest": Detector.bit_flipped_at_rest,
}
