"""Who deploys: this tool, the guide's loop, the limit, and those peers that could be installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import run
from tests.server.sshd import free_port

if TYPE_CHECKING:
    from tests.server import Site

SH = Path(__file__).with_name("sh")
PEERS = Path(__file__).parent.parent / ".venv" / "bench"
PASSWORD = "only-for-tests"  # noqa: S105 - of a throw-away container

MIGRATION = """\
-- Migration: add table {number}
CREATE TABLE IF NOT EXISTS bench_{number:04} (
    id SERIAL PRIMARY KEY,
    user_id VARCHAR(100) NOT NULL,
    theme VARCHAR(20) DEFAULT 'light',
    created_at TIMESTAMPTZ DEFAULT NOW()
);

CREATE INDEX IF NOT EXISTS idx_bench_{number:04}_user_id ON bench_{number:04} (user_id);
"""
"""As the guide writes them: a table with an index, idempotent."""


class Contestant(ABC):
    """Somebody who brings a folder of migrations to a server."""

    name: str

    @abstractmethod
    def write(self, site: Site, number: int) -> None:
        """Put the next migration into the project."""

    @abstractmethod
    def deploy(self, site: Site) -> None:
        """Deploy what is there, as one would from a command line; anything but success ends the run."""

    def prepare(self, site: Site) -> None:  # noqa: B027 - most have nothing to prepare
        """Do what is done once a project."""


class Tool(Contestant):
    """`fab deploy`, with its backup, the verification of it, and the ledger."""

    name = "this tool"

    def prepare(self, site: Site) -> None:
        # what is compared is applying; the rehearsal on a copy is measured on its own
        site.env["FABRIC_DEPLOY_REHEARSE"] = "never"

    def write(self, site: Site, number: int) -> None:
        site.write_migration(f"{number:03}_bench.sql", MIGRATION.format(number=number))

    def deploy(self, site: Site) -> None:
        site.fab("deploy", check=0, timeout=600)


class Rehearsing(Tool):
    """The same as it comes: the backup is restored beside the database and the files run on that, twice, before they run for real."""

    name = "this tool, rehearsing"

    def prepare(self, site: Site) -> None:
        site.env["FABRIC_DEPLOY_REHEARSE"] = "always"


class _Script(Contestant):
    script: str

    def write(self, site: Site, number: int) -> None:
        site.write_migration(f"{number:03}_bench.sql", MIGRATION.format(number=number))

    def deploy(self, site: Site) -> None:
        there = f"{site.remote_dir}/migrations"
        where: list[str | Path] = [
            site.ssh_config,
            site.project / "migrations",
            there,
            site.container,
            site.user,
            site.database,
        ]
        run(["sh", SH / self.script, *where])


class Loop(_Script):
    """The guide: scp, and one `docker exec psql` per file."""

    name = "the guide's loop"
    script = "loop.sh"


class Limit(_Script):
    """One `tar | ssh`, one `docker exec psql`."""

    name = "the limit"
    script = "limit.sh"


class Peer(Contestant):
    """A migration tool that speaks to PostgreSQL itself, through an SSH tunnel."""

    def write(self, site: Site, number: int) -> None:
        self.folder(site).mkdir(exist_ok=True)
        self.add(site, number, MIGRATION.format(number=number))

    def deploy(self, site: Site) -> None:
        address = _address_of(site.container)
        port = free_port()
        command, more = self.command(site, port)
        environment = {**os.environ, **more, "PGPASSWORD": PASSWORD}
        run(["sh", SH / "tunnel.sh", site.ssh_config, str(port), f"{address}:5432", *command], env=environment)

    def folder(self, site: Site) -> Path:
        return site.project / self.name

    @abstractmethod
    def add(self, site: Site, number: int, sql: str) -> None: ...

    @abstractmethod
    def command(self, site: Site, port: int) -> tuple[list[str | Path], dict[str, str]]:
        """Return what is run beside the tunnel, and its environment."""

    @abstractmethod
    def program(self) -> Path | None:
        """Return where it is, None if it could not be installed."""

    def version(self) -> str:
        program = self.program()
        done = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False)
        found = re.search(r"\d+\.[0-9.]+", done.stdout + done.stderr)
        return found[0] if found else "?"


class Dbmate(Peer):
    name = "dbmate"

    def program(self) -> Path | None:
        return _there(PEERS / "node_modules" / ".bin" / "dbmate")

    def add(self, site: Site, number: int, sql: str) -> None:
        path = self.folder(site) / f"{number:06}_bench.sql"
        path.write_text(f"-- migrate:up\n{sql}\n-- migrate:down\n", encoding="utf-8")

    def command(self, site: Site, port: int) -> tuple[list[str | Path], dict[str, str]]:
        url = f"{_url(site, port, 'postgres')}?sslmode=disable"
        return [
            self.program() or "",
            "--url",
            url,
            "--migrations-dir",
            self.folder(site),
            "--no-dump-schema",
            "migrate",
        ], {}


class NodePgMigrate(Peer):
    name = "node-pg-migrate"

    def program(self) -> Path | None:
        return _there(PEERS / "node_modules" / ".bin" / "node-pg-migrate")

    def add(self, site: Site, number: int, sql: str) -> None:
        path = self.folder(site) / f"{1_700_000_000_000 + number}_bench.sql"
        path.write_text(f"-- Up Migration\n{sql}\n-- Down Migration\n", encoding="utf-8")

    def command(self, site: Site, port: int) -> tuple[list[str | Path], dict[str, str]]:
        return [self.program() or "", "up", "-m", self.folder(site)], {"DATABASE_URL": _url(site, port, "postgres")}

    def version(self) -> str:
        package = PEERS / "node_modules" / self.name / "package.json"
        return str(json.loads(package.read_text(encoding="utf-8"))["version"])


class Yoyo(Peer):
    name = "yoyo"

    def version(self) -> str:
        ask = "from importlib.metadata import version; print(version('yoyo-migrations'))"
        return run([PEERS / "bin" / "python", "-c", ask]).decode().strip()

    def program(self) -> Path | None:
        return _there(PEERS / "bin" / "yoyo")

    def add(self, site: Site, number: int, sql: str) -> None:
        (self.folder(site) / f"{number:06}_bench.sql").write_text(sql, encoding="utf-8")

    def command(self, site: Site, port: int) -> tuple[list[str | Path], dict[str, str]]:
        url = _url(site, port, "postgresql+psycopg")
        return [self.program() or "", "apply", "--batch", "--no-config-file", "--database", url, self.folder(site)], {}


ALEMBIC_ENV = """\
import os
from alembic import context
from sqlalchemy import create_engine
with create_engine(os.environ["BENCH_URL"]).connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""


class Alembic(Peer):
    name = "alembic"

    def program(self) -> Path | None:
        return _there(PEERS / "bin" / "alembic")

    def add(self, site: Site, number: int, sql: str) -> None:
        folder = self.folder(site)
        (folder / "versions").mkdir(exist_ok=True)
        (folder / "env.py").write_text(ALEMBIC_ENV, encoding="utf-8")
        (folder / "alembic.ini").write_text(f"[alembic]\nscript_location = {folder}\n", encoding="utf-8")
        before = repr(f"{number - 1:06}") if number > 1 else None
        text = f"from alembic import op\nrevision = '{number:06}'\ndown_revision = {before}\ndef upgrade():\n    op.execute({sql!r})\n"
        (folder / "versions" / f"{number:06}_bench.py").write_text(text, encoding="utf-8")

    def command(self, site: Site, port: int) -> tuple[list[str | Path], dict[str, str]]:
        url = _url(site, port, "postgresql+psycopg")
        return [self.program() or "", "-c", self.folder(site) / "alembic.ini", "upgrade", "head"], {"BENCH_URL": url}


class Sqitch(Peer):
    name = "sqitch"

    def program(self) -> Path | None:
        found = shutil.which("sqitch")
        return Path(found) if found else None

    def add(self, site: Site, number: int, sql: str) -> None:
        folder = self.folder(site)
        (folder / "deploy").mkdir(exist_ok=True)
        plan = folder / "sqitch.plan"
        if number == 1:
            (folder / "sqitch.conf").write_text("[core]\n\tengine = pg\n", encoding="utf-8")
            plan.write_text("%syntax-version=1.0.0\n%project=bench\n\n", encoding="utf-8")
        with plan.open("a", encoding="utf-8") as lines:
            lines.write(f"bench_{number:06} 2024-01-01T00:00:00Z Bench <bench@example.com> # a table\n")
        (folder / "deploy" / f"bench_{number:06}.sql").write_text(f"BEGIN;\n{sql}\nCOMMIT;\n", encoding="utf-8")

    def command(self, site: Site, port: int) -> tuple[list[str | Path], dict[str, str]]:
        who = {"SQITCH_FULLNAME": "Bench", "SQITCH_EMAIL": "bench@example.com"}
        return [self.program() or "", "-C", self.folder(site), "deploy", f"db:{_url(site, port, 'pg')}"], who


@cache
def peers() -> tuple[Peer, ...]:
    """Return those that `bench/install.sh` could install."""
    known = (Dbmate(), NodePgMigrate(), Yoyo(), Alembic(), Sqitch())
    return tuple(peer for peer in known if peer.program())


def _there(path: Path) -> Path | None:
    return path if path.exists() else None


def _url(site: Site, port: int, scheme: str) -> str:
    return f"{scheme}://{site.user}:{PASSWORD}@127.0.0.1:{port}/{site.database}"


@cache
def _address_of(container: str) -> str:
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return run(["docker", "inspect", "--format", form, container]).decode().strip()
