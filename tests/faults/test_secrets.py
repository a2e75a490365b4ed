"""No secret stands where others read: on a command line, in a log, in the ledger, in the audit, in what is printed."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.journeys.invariants import write_work
from tests.server.machine import as_root, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server import ServerUnderTest, Site

PASSPHRASE = "opens-sesame-9f3c"  # noqa: S105 - of this test
"""Of the key that logs in, as fabric.yml may hold it."""

PASSWORD = "only-for-tests"  # noqa: S105 - of this test
"""POSTGRES_PASSWORD, which the container has in its environment, and psql needs."""

IN_THE_ENVIRONMENT = {
    "GITHUB_TOKEN": "ghs-token-77d1",
    "PGPASSWORD": "pg-secret-51ab",
    "DEPLOY_KEY": "key-material-c04e",
}
"""What a CI job has around it."""

SECRETS = (PASSPHRASE, PASSWORD, *IN_THE_ENVIRONMENT.values())


@dataclass
class Sampler:
    """Reads every command line of this machine again and again, as `ps` does; the server and its container are here too."""

    seen: set[str] = field(default_factory=set)
    rounds: int = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        ended = threading.Event()
        thread = threading.Thread(target=self._watch, args=(ended,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _watch(self, ended: threading.Event) -> None:
        while not ended.is_set():
            self.rounds += 1
            ended.wait(0.02)
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes().decode(errors="replace"))
                except OSError:  # it has ended
                    continue


class TestASecret:
    def test_stays_where_it_is(self, server: ServerUnderTest) -> None:
        """Through a deploy that succeeds, one that fails, a rollback, and all that they leave behind."""
        with server.fresh(private=True) as fresh:
            site = with_an_encrypted_key(fresh)
            site.env.update(IN_THE_ENVIRONMENT)
            write_work(site, 1)
            sampler = Sampler()
            with sampler.watching():
                said = [site.fab("deploy", "--rehearse=always", check=0)]
                site.write_migration("002_wrong.sql", "SELECT nonsense;\n")
                said += [site.fab("deploy"), site.fab("rollback", "--backup=latest", "--yes", check=0)]
            lines = "\n".join(sampler.seen)
            assert sampler.rounds > 20
            assert "pg_dump" in lines, "it was looked at when nothing was there to be seen"
            assert "psql" in lines
            printed = "".join(done.stdout + done.stderr for done in said)
            ledger = site.psql("SELECT coalesce(json_agg(m)::text, '') FROM deploy.migrations AS m")
            for secret in SECRETS:
                assert secret not in lines, "on a command line"
                assert secret not in printed
                assert secret not in ledger
                assert secret not in files_of(site), "in a file on the server"
                assert secret not in site.sshd.log() + site.postgres.log()


def with_an_encrypted_key(site: Site) -> Site:
    """Log in with a key that needs a passphrase, which stands in fabric.yml."""
    folder = site.home.parent
    key = folder / "encrypted_key"
    key.write_bytes((site.sshd.folder / "client_key").read_bytes())
    key.chmod(0o600)
    run(["ssh-keygen", "-q", "-p", "-P", "", "-N", PASSPHRASE, "-f", str(key)])
    config = folder / "ssh_config.encrypted"
    config.write_text(site.ssh_config.read_text("utf-8").replace(f"{site.sshd.folder}/client_key", str(key)), "utf-8")
    (site.project / "fabric.yml").write_text(f"connect_kwargs:\n  passphrase: {PASSPHRASE}\n", "utf-8")
    return replace(site, ssh_config=config)


def files_of(site: Site) -> str:
    """Return everything under remote_dir as one text, unpacked where it is packed."""
    script = 'find "$0" -type f -exec cat {} + && find "$0" -name "*.gz" -type f -exec gzip -dc {} +'
    return run(as_root("sh", "-c", script, str(site.remote_dir))).decode(errors="replace")
