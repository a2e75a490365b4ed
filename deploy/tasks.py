"""The commands: flags in, one call, events out."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from fabric import Connection
from fabric.connection import derive_shorthand
from fabric.main import program
from invoke.collection import Collection
from invoke.exceptions import Exit
from invoke.tasks import task

from deploy.model.errors import DeployError, SettingsInvalid, UsageError
from deploy.server.trace import begin as begin_trace
from deploy.server.trace import log, words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

    from invoke.context import Context

    from deploy.model.examination import Check, WayIn
    from deploy.model.settings import Settings
    from deploy.report.console import Console
    from deploy.server.target import Server

VARIABLES = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("FABRIC_DEPLOY_")}
"""Read here, and taken out of Invoke's sight: it would cast them to the type of fabric.yml's value, or fail with a traceback."""

DEBUG = VARIABLES.pop("FABRIC_DEPLOY_DEBUG", "").lower() not in {"", "0", "false", "no"}

JSON = "Print one JSON document on stdout, and everything else on stderr."
REHEARSE = "Restore the backup into a scratch database and run the files there twice first: auto (up to rehearse_limit), always or never."
INIT = "The SQL that made the schema before the first migration; init-db.sql if it is left out and there is one."
YES = "Answer yes to the question; needed where there is no terminal."


@task(
    auto_shortflags=False,
    help={
        "dry_run": "Look at the real server, show the plan and change nothing.",
        "only": "Apply this one migration (its number) and no other.",
        "reapply": "Run this migration again, edited or not; several with commas: 002,003.",
        "baseline": "Record everything up to this number as applied, without running it.",
        "allow_late": "Apply files whose number is lower than one that is applied.",
        "always_backup": "Take a backup even if nothing is pending.",
        "rehearse": REHEARSE,
        "yes": "Accepted for scripts; a deploy asks nothing.",
        "json": JSON,
    },
)
def deploy(  # noqa: PLR0913 - the contract's flags
    c: Context,
    *,
    dry_run: bool = False,
    only: str = "",
    reapply: str = "",
    baseline: str = "",
    allow_late: bool = False,
    always_backup: bool = False,
    rehearse: str = "",
    yes: bool = False,  # noqa: ARG001 - scripts pass it to every command
    json: bool = False,
) -> None:
    """Back up, prove the backup and the migrations on a copy, apply every pending migration.

    Example: fab -H prod deploy
    """
    from deploy.commands.release import release  # noqa: PLC0415 - each command imports what it needs: starting is felt
    from deploy.plan.release import Wish  # noqa: PLC0415
    from deploy.report.document import release_document  # noqa: PLC0415

    def story(servers: list[Server], console: Console) -> tuple[list[Any], DeployError | None]:
        wish = Wish(only, reapply, baseline, allow_late, always_backup, rehearse)
        results = release(servers, wish, console, dry_run=dry_run or c.config.run.dry)
        if len(results) > 1:
            console.release_table(results)
        return [release_document(r) for r in results], next((r.error for r in results if r.error), None)

    _tell(c, story, json=json)


@task(
    auto_shortflags=False,
    help={
        "only": "Rehearse this one migration (its number) and no other.",
        "reapply": "Rehearse running this migration again, edited or not; several with commas: 002,003.",
        "baseline": "Take everything up to this number for applied.",
        "allow_late": "Rehearse files whose number is lower than one that is applied.",
        "embedded": "Rehearse every file on a throw-away PostgreSQL on this machine: no Docker, no server.",
        "init": INIT,
        "json": JSON,
    },
)
def rehearse(  # noqa: PLR0913 - a flag each
    c: Context,
    *,
    only: str = "",
    reapply: str = "",
    baseline: str = "",
    allow_late: bool = False,
    embedded: bool = False,
    init: str = "",
    json: bool = False,
) -> None:
    """Run the pending migrations twice on a copy, say what they lock and rewrite, and change nothing.

    Example: fab -H prod rehearse
    """
    from deploy.commands.rehearse import rehearse as try_out  # noqa: PLC0415
    from deploy.commands.rehearse import rehearse_embedded  # noqa: PLC0415
    from deploy.plan.release import Wish  # noqa: PLC0415
    from deploy.report.document import rehearsal_result_document  # noqa: PLC0415

    wish = Wish(only, reapply, baseline, allow_late)

    def story(server: Server, console: Console) -> tuple[Any, DeployError | None]:
        result = try_out(server, wish, console)
        console.rehearsal_result(result)
        return rehearsal_result_document(result), result.error

    def story_here(settings: Settings, console: Console) -> tuple[list[Any], DeployError | None]:
        if settings.environment != "local":
            raise UsageError("--embedded is for this machine, and -H names another", hint="Leave one of the two out.")
        result = rehearse_embedded(settings, init, wish, console)
        console.rehearsal_result(result)
        return [rehearsal_result_document(result)], result.error

    if embedded:
        _tell_here(c, story_here, json=json)
    else:
        _tell_each(c, story, json=json, changes=True)


@task(auto_shortflags=False, help={"init": INIT, "json": JSON})
def drift(c: Context, *, init: str = "", json: bool = False) -> None:
    """Compare a database's schema with what its migrations make of an empty one.

    Example: fab -H prod drift
    """
    from deploy.commands.drift import drift as look  # noqa: PLC0415
    from deploy.report.document import drift_document  # noqa: PLC0415

    def story(servers: list[Server], console: Console) -> tuple[list[Any], DeployError | None]:
        results = []
        for server in servers:
            results.append(look(server, init, console))
            console.drift_result(results[-1])
        return [drift_document(r) for r in results], next((r.error for r in results if r.error), None)

    _tell(c, story, json=json, changes=True)


@task(
    auto_shortflags=False,
    help={
        "backup": "A file name in backups/, latest, pre_deploy (the newest of its kind), or the path of a file here.",
        "dry_run": "Look at the real server, show the plan and change nothing.",
        "in_place": "Drop and restore everything in one transaction, which blocks clients but needs no right to create databases.",
        "yes": YES,
        "json": JSON,
    },
)
def rollback(  # noqa: PLR0913 - the contract's flags
    c: Context,
    *,
    backup: str = "",
    yes: bool = False,
    dry_run: bool = False,
    in_place: bool = False,
    json: bool = False,
) -> None:
    """Put a backup in place of the database, and keep the replaced one.

    Example: fab -H prod rollback --backup=pre_deploy
    """
    from deploy.commands.rollback import rollback as roll_back  # noqa: PLC0415
    from deploy.report.document import rollback_document  # noqa: PLC0415

    def story(server: Server, console: Console) -> tuple[Any, DeployError | None]:
        dry = dry_run or c.config.run.dry
        result = roll_back(server, backup, console, assume_yes=yes, dry_run=dry, in_place=in_place)
        return rollback_document(result), result.error

    _tell_each(c, story, json=json)


@task(auto_shortflags=False, help={"yes": YES, "json": JSON})
def undo(c: Context, *, yes: bool = False, json: bool = False) -> None:
    """Swap the database that the last rollback replaced back.

    Example: fab -H prod undo
    """
    from deploy.commands.rollback import undo as swap_back  # noqa: PLC0415
    from deploy.report.document import rollback_document  # noqa: PLC0415

    def story(server: Server, console: Console) -> tuple[Any, DeployError | None]:
        result = swap_back(server, console, assume_yes=yes)
        return rollback_document(result), result.error

    _tell_each(c, story, json=json, changes=True)


@task(auto_shortflags=False, help={"yes": YES})
def forget(c: Context, *, yes: bool = False) -> None:
    """Drop the databases that rollbacks replaced, for good.

    Example: fab -H prod forget
    """
    from deploy.commands.rollback import forget as drop  # noqa: PLC0415

    def story(servers: list[Server], console: Console) -> tuple[list[Any], DeployError | None]:
        for server in servers:
            drop(server, console, assume_yes=yes)
        return [], None

    _tell(c, story, json=False, changes=True)


@task(auto_shortflags=False, help={"json": JSON})
def backup(c: Context, *, json: bool = False) -> None:
    """Take a backup now, and read it back before it counts.

    Example: fab -H prod backup
    """
    from deploy.commands.backups import back_up  # noqa: PLC0415
    from deploy.report.document import backup_result_document  # noqa: PLC0415

    def story(server: Server, console: Console) -> tuple[Any, DeployError | None]:
        result = back_up(server, console)
        console.backup_result(result)
        return backup_result_document(result), result.error

    _tell_each(c, story, json=json, changes=True)


@task(
    auto_shortflags=False,
    help={
        "max_age": "Exit with status 47 if no verified backup is younger than this, such as 26h or 7d.",
        "json": JSON,
    },
)
def backups(c: Context, *, max_age: str = "", json: bool = False) -> None:
    """List the backups, newest first, with what is proven about each.

    Example: fab -H prod backups --max-age=26h
    """
    from deploy.commands.backups import backups as look  # noqa: PLC0415
    from deploy.plan.backup import age_limit  # noqa: PLC0415
    from deploy.report.document import backup_document  # noqa: PLC0415

    def story(servers: list[Server], console: Console) -> tuple[list[Any], DeployError | None]:
        documents, stale = [], None
        for server in servers:
            seen, found, too_old = look(server, age_limit(max_age) if max_age else None)
            console.backups(server.name, seen, found)
            documents.append([backup_document(b) for b in found])
            stale = stale or too_old
        return documents, stale

    _tell(c, story, json=json)


@task(
    auto_shortflags=False,
    help={
        "backup": "A file name in backups/, latest, pre_deploy, or the path of a file here.",
        "all": "Each of them, the oldest first.",
        "json": JSON,
    },
)
def verify(c: Context, *, backup: str = "", all: bool = False, json: bool = False) -> None:  # noqa: A002 - the flag's name
    """Prove a backup: restore it into a scratch database, compare every table, drop it.

    Example: fab -H prod verify --backup=latest
    """
    from deploy.commands.backups import verify as prove  # noqa: PLC0415
    from deploy.report.document import backup_result_document  # noqa: PLC0415

    def story(server: Server, console: Console) -> tuple[Any, DeployError | None]:
        results = prove(server, backup, console, every=all)
        proofs = [backup_result_document(r) for r in results]
        return proofs if all else proofs[0], results[-1].error if results else None

    _tell_each(c, story, json=json, changes=True)


@task(
    auto_shortflags=False,
    help={
        "at": "When, as a crontab has it: five fields, or @daily.",
        "remove": "Take the line out of the crontab.",
        "json": JSON,
    },
)
def schedule(c: Context, *, at: str = "0 3 * * *", remove: bool = False, json: bool = False) -> None:
    """Let the server's cron take a backup every night.

    Example: fab -H prod schedule --at="30 2 * * *"
    """
    from deploy.commands.schedule import schedule as arrange  # noqa: PLC0415
    from deploy.report.document import schedule_document  # noqa: PLC0415

    def story(server: Server, console: Console) -> tuple[Any, DeployError | None]:
        result = arrange(server, at, console, remove=remove)
        console.schedule_result(result)
        return schedule_document(result), None

    _tell_each(c, story, json=json, changes=True)


@task(
    auto_shortflags=False,
    help={
        "backup": "A file name in backups/, latest, or pre_deploy.",
        "output": "The directory here that it goes into; the current one if left out.",
        "json": JSON,
    },
)
def fetch(c: Context, *, backup: str = "", output: str = ".", json: bool = False) -> None:
    """Bring a backup here, its sum checked; run again after a lost connection, it goes on.

    Example: fab -H prod fetch --backup=latest --output=backups
    """
    from deploy.commands.fetch import fetch as bring  # noqa: PLC0415
    from deploy.report.document import fetch_document  # noqa: PLC0415

    def story(server: Server, console: Console) -> tuple[Any, DeployError | None]:
        result = bring(server, backup, output, console)
        console.fetch_result(result)
        return fetch_document(result), result.error

    _tell_each(c, story, json=json)


@task(
    auto_shortflags=False,
    help={
        "table": "One table, as in SQL; all that have a primary key if left out.",
        "format": "csv, or sql: INSERT … ON CONFLICT DO NOTHING.",
        "output": "The directory here that the files go into; the current one if left out.",
        "database": "A replaced database; the newest if left out. `status` lists them.",
        "json": JSON,
    },
)
def salvage(  # noqa: PLR0913 - a flag each
    c: Context,
    *,
    table: str = "",
    format: str = "csv",  # noqa: A002 - the flag's name
    output: str = ".",
    database: str = "",
    json: bool = False,
) -> None:
    """Write the rows that a rollback took away: those that the replaced database has and the live one lacks.

    Example: fab -H prod salvage --table=orders --format=sql
    """
    from deploy.commands.salvage import salvage as save  # noqa: PLC0415
    from deploy.report.document import salvage_document  # noqa: PLC0415

    def story(server: Server, console: Console) -> tuple[Any, DeployError | None]:
        result = save(server, console, table=table, form=format, output=output, database=database)
        console.salvage_result(result)
        return salvage_document(result), result.error

    _tell_each(c, story, json=json, changes=True)


@task(auto_shortflags=False, help={"json": JSON})
def status(c: Context, *, json: bool = False) -> None:
    """Say where things stand: applied, pending, anything wrong, the newest backup.

    Example: fab -H prod status
    """
    from deploy.commands.look import status as look  # noqa: PLC0415
    from deploy.report.document import status_document  # noqa: PLC0415

    def story(servers: list[Server], console: Console) -> tuple[list[Any], DeployError | None]:
        found = [look(server) for server in servers]
        for each in found:
            console.status(each)
        return [status_document(each) for each in found], None

    _tell(c, story, json=json)


@task(auto_shortflags=False, help={"limit": "How many of the newest.", "json": JSON})
def history(c: Context, *, limit: int = 20, json: bool = False) -> None:
    """List what was deployed, when, by whom and how it ended.

    Example: fab -H prod history --limit=5
    """
    from deploy.commands.look import history as look  # noqa: PLC0415
    from deploy.report.document import history_document  # noqa: PLC0415

    def story(servers: list[Server], console: Console) -> tuple[list[Any], DeployError | None]:
        documents = []
        for server in servers:
            entries = look(server, limit=limit)
            console.history(server.name, entries)
            documents.append(history_document(entries))
        return documents, None

    _tell(c, story, json=json)


@task(auto_shortflags=False, help={"json": JSON})
def doctor(c: Context, *, json: bool = False) -> None:
    """Look at all that can be wrong, here and on the server, and say what mends it.

    Example: fab -H prod doctor
    """
    from deploy.commands.doctor import examine  # noqa: PLC0415
    from deploy.model.settings import environment_of, settings_from  # noqa: PLC0415
    from deploy.plan.doctor import check_toolbox, sum_up  # noqa: PLC0415
    from deploy.report.document import doctor_document  # noqa: PLC0415
    from deploy.server.here import ask_ssh, toolbox, way_in  # noqa: PLC0415
    from deploy.server.target import hosts_of, open_server  # noqa: PLC0415

    def story(servers: list[Server], console: Console) -> tuple[list[Any], DeployError | None]:
        section, config = _section(c), _ssh_config_file()

        def look(host: str | None) -> tuple[list[Check], DeployError | None]:
            def connect() -> Server:
                servers.append(open_server(c, host, section, variables=VARIABLES, ssh_config_file=config))
                return servers[-1]

            def way(settings: Settings) -> WayIn | None:
                return way_in(c, host, known_hosts=settings.known_hosts, ssh_config_file=config) if host else None

            def ask(settings: Settings) -> str | None:
                return ask_ssh(c, host, known_hosts=settings.known_hosts, ssh_config_file=config) if host else None

            settings_of = partial(settings_from, section, VARIABLES, environment_of(host, section))
            with console.busy(f"looking at {host or 'this machine'}"):
                return examine(host or "local", settings_of, way, connect, ask_ssh=ask)

        tools = check_toolbox(toolbox())
        console.doctor("here", tools)
        everything, documents, first_lost = [*tools], [], None
        for host in hosts_of(_typed_hosts(c)):
            checks, lost = look(host)
            console.doctor(host or "local", checks)
            documents.append(doctor_document([*tools, *checks]))
            everything += checks
            first_lost = first_lost or lost
        return documents, sum_up(everything, first_lost)

    _tell(c, story, json=json, opens=False)


@task(
    auto_shortflags=False,
    help={"output": "The file that the page goes into; - is stdout.", "json": JSON},
)
def report(c: Context, *, output: str = "deploys.html", json: bool = False) -> None:
    """Write one page to look at: deploys, durations, backups and their proofs, the database's size.

    Example: fab -H prod report --output=deploys.html
    """
    from deploy.commands.report import STDOUT  # noqa: PLC0415
    from deploy.commands.report import report as write  # noqa: PLC0415
    from deploy.report.document import report_document  # noqa: PLC0415

    def story(servers: list[Server], console: Console) -> tuple[list[Any], DeployError | None]:
        if json and output == STDOUT:
            raise UsageError("--json and --output=- both want stdout", hint="Name a file for the page.")
        reports, written = write(servers, output, console)
        return [report_document(r, written) for r in reports], next((r.error for r in reports if r.error), None)

    _tell(c, story, json=json, quiet=output == STDOUT)


@task(auto_shortflags=False)
def follow(c: Context) -> None:
    """Watch the job that runs on the server, or show how the last one went.

    Example: fab -H prod follow
    """
    from deploy.commands.watch import watch  # noqa: PLC0415

    def story(servers: list[Server], console: Console) -> tuple[list[Any], DeployError | None]:
        for server in servers:
            watch(server, console)
            console.line(f"✅ {server.name}: the job ended well")
        return [], None

    _tell(c, story, json=False)


@task(auto_shortflags=False)
def cancel(c: Context) -> None:
    """Stop the job that runs on the server at a safe point.

    Example: fab -H prod cancel
    """
    from deploy.commands.watch import cancel as stop  # noqa: PLC0415

    def story(servers: list[Server], console: Console) -> tuple[list[Any], DeployError | None]:
        for server in servers:
            stop(server, console)
            console.line(f"✅ {server.name}: the job has ended; `fab -H {server.name} follow` shows how")
        return [], None

    _tell(c, story, json=False, changes=True)


@task(auto_shortflags=False)
def repair(c: Context) -> None:
    """Take away what a killed server left: a fence, side databases, partial files.

    Example: fab -H prod repair
    """
    from deploy.commands.repair import repair as mend  # noqa: PLC0415

    def story(servers: list[Server], console: Console) -> tuple[list[Any], DeployError | None]:
        for server in servers:
            mend(server, console)
        return [], None

    _tell(c, story, json=False, changes=True)


@task(auto_shortflags=False, help={"keep": "Leave the server running to play on, until Ctrl-C."})
def demo(_c: Context, *, keep: bool = False) -> None:
    """Show the whole story on a throw-away server on this machine.

    Example: fab demo
    """
    from deploy.demo.story import show  # noqa: PLC0415

    try:
        show(sys.stdout, keep=keep)
    except DeployError as refused:
        _plain(sys.stdout).error(refused, "local")
        raise Exit(code=refused.status) from None
    except KeyboardInterrupt:
        _plain(sys.stdout).line("\n▶ stopped, and everything that the demo started is gone")
        raise Exit(code=130) from None


@task(
    auto_shortflags=False,
    help={
        "description": "What it does, in a few words; they may stand without quotes and without this flag.",
        "renumber": "Give this file the next free number instead, if two branches took the same one.",
    },
)
def new(c: Context, *, description: str = "", renumber: str = "") -> None:
    """Write the next migration from a template.

    Example: fab new add user preferences
    """
    from deploy.commands.new import new as write  # noqa: PLC0415
    from deploy.commands.new import renumber as rename  # noqa: PLC0415

    def story(settings: Settings, console: Console) -> tuple[list[Any], DeployError | None]:
        if renumber:
            old, path = rename(settings.migrations_dir, renumber)
            console.line(f"✅ {old} is {path}")
            console.line("   no server was asked: where it is applied already, it would be missing under its old name")
        else:
            console.line(f"✅ {write(settings.migrations_dir, description)}")
        return [], None

    _tell_here(c, story, json=False)


@task(
    auto_shortflags=False,
    help={
        "strict": "Exit with status 27 for warnings too.",
        "base": "Look only at files that this git ref doesn't have, such as main.",
        "format": "text, github (annotations) or sarif.",
        "json": JSON,
    },
)
def check(c: Context, *, strict: bool = False, base: str = "", format: str = "text", json: bool = False) -> None:  # noqa: A002 - the flag's name
    """Read migrations/ offline, and say what would fail, block, destroy or not run twice.

    Example: fab check --base=main
    """
    from deploy.commands.check import FORMATS  # noqa: PLC0415
    from deploy.commands.check import check as look  # noqa: PLC0415
    from deploy.report.findings import as_github, as_sarif, as_text, check_document, counted  # noqa: PLC0415

    def story(settings: Settings, console: Console) -> tuple[list[Any], DeployError | None]:
        if format not in FORMATS:
            raise UsageError(f"--format={format} is none that it knows", hint=f"Take one of {', '.join(FORMATS)}.")
        result = look(settings.migrations_dir, base=base, strict=strict)
        findings = result.checked.findings
        if not json and format == "sarif":
            _plain(sys.stdout).document(as_sarif(findings))
        elif not json and format == "github":
            console.commands(as_github(findings))
            console.line(counted(result.checked))
        else:
            for line in as_text(result.checked, result.texts):
                console.line(line)
        return [check_document(findings)], result.error

    _tell_here(c, story, json=json, quiet=format == "sarif")


def _tell_here(
    c: Context,
    story: Callable[[Settings, Console], tuple[list[Any], DeployError | None]],
    *,
    json: bool,
    quiet: bool = False,
) -> None:
    """Tell a story that needs no server, only the settings of the environment that -H names; once, however many hosts there are."""
    from deploy.model.settings import environment_of, settings_from  # noqa: PLC0415
    from deploy.report.document import refusal_document  # noqa: PLC0415
    from deploy.server.target import hosts_of  # noqa: PLC0415

    console = _console(sys.stderr if json or quiet else sys.stdout)
    directory = ""
    try:
        typed = _typed_hosts(c)
        host = hosts_of(typed)[0]
        if _is_a_later_call(c, typed):
            return
        section = _section(c)
        settings = settings_from(section, VARIABLES, environment_of(host, section))
        directory = settings.migrations_dir
        documents, error = story(settings, console)
    except DeployError as refused:
        documents, error = [refusal_document(refused, "local")], refused
    if json:
        _print_json(documents[0])
    if error:
        console.error(error, "local")
    console.told(documents, error, "local", directory)
    if error:
        raise Exit(code=error.status)


def _tell_each(
    c: Context,
    story: Callable[[Server, Console], tuple[Any, DeployError | None]],
    *,
    json: bool,
    changes: bool = False,
) -> None:
    """Tell a story to one server after another, up to the first where it goes wrong; what was done before that is told."""
    from deploy.report.document import refusal_document  # noqa: PLC0415

    def one_after_another(servers: list[Server], console: Console) -> tuple[list[Any], DeployError | None]:
        documents: list[Any] = []
        for server in servers:
            try:
                document, error = story(server, console)
            except DeployError as refused:
                if not documents:
                    raise
                refused.host = refused.host or server.name
                document, error = refusal_document(refused, refused.host), refused
            documents.append(document)
            if error:
                return documents, error
        return documents, None

    _tell(c, one_after_another, json=json, changes=changes)


def _tell(  # noqa: PLR0913 - what a story may differ in
    c: Context,
    story: Callable[[list[Server], Console], tuple[list[Any], DeployError | None]],
    *,
    json: bool,
    changes: bool = False,
    opens: bool = True,
    quiet: bool = False,
) -> None:
    """Open every server that -H names, tell the story to all of them at once, and turn its end into an exit status.

    Fabric calls a task once for each host; a deploy has to see all of them before it touches the first. So the first call does
    the work, and the others have nothing left to do.

    `changes` says that the command has no dry run: `fab -R` refuses it. `opens` is False for a story that opens them itself, `quiet`
    leaves stdout to the command.
    """
    from deploy.report.document import refusal_document  # noqa: PLC0415
    from deploy.server.target import Fleet, hosts_of, open_server  # noqa: PLC0415

    console = _console(sys.stderr if json or quiet else sys.stdout)
    servers = Fleet()
    several = False
    try:
        if changes and c.config.run.dry:
            raise UsageError("fab -R changes nothing, and this command has nothing else to do", hint="Leave -R out.")
        typed = _typed_hosts(c)
        hosts = hosts_of(typed)
        if _is_a_later_call(c, typed):
            return
        section = _section(c)
        several = len(hosts) > 1
        for host in hosts if opens else ():
            servers.current = host or "local"
            with console.busy(f"connecting to {host}") if host else nullcontext():
                servers.append(open_server(c, host, section, variables=VARIABLES, ssh_config_file=_ssh_config_file()))
        documents, error = story(servers, console)
    except DeployError as refused:
        refused.host = refused.host or servers.current
        log.debug("refused", exc_info=refused)
        documents, error = [refusal_document(refused, refused.host)], refused
    except KeyboardInterrupt:
        console.left(servers.current)
        raise Exit(code=130) from None
    finally:
        # by index, which leaves `current` as it is
        for number in range(len(servers)):
            servers[number].shell.close()
    if json:
        _print_json({"hosts": documents} if several else documents[0])
    host = (error.host if error else None) or servers.current
    if error:
        console.error(error, host, one_of_many=len(servers) > 1)
    console.told(documents, error, host, servers[0].settings.migrations_dir if len(servers) else "")
    if error:
        raise Exit(code=error.status)


def _console(stream: TextIO) -> Console:
    """Return who tells what happens; in a workflow GitHub's runner listens too."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return _plain(stream)
    from deploy.report.github_console import GitHubConsole  # noqa: PLC0415

    return GitHubConsole(stream, os.environ)


def _plain(stream: TextIO) -> Console:
    """Return a console for people. A trace and a line that moves don't go together."""
    from deploy.report.console import Console  # noqa: PLC0415 - `fab --list` does without it

    return Console(stream, {**os.environ, "TERM": "dumb"} if log.isEnabledFor(logging.DEBUG) else os.environ)


def _is_a_later_call(c: Context, typed: str | None) -> bool:
    """Tell whether Fabric has called for another host before: the first call has done the work.

    Only a call that is known to be for a later word has nothing to do; one that is for none does the work.
    """
    if typed is None or not isinstance(c, Connection):
        return False
    first, *later = typed.split(",")  # as Fabric does, with the spaces
    return not _is_for(c, first) and any(_is_for(c, word) for word in later)


def _is_for(c: Connection, word: str) -> bool:
    """Tell whether this is the connection that fab makes for a word; two names may well lead to the same server."""
    made = Connection(word, config=c.config)
    return bool((c.original_host, c.user, c.port) == (made.original_host, made.user, made.port))


def _section(c: Context) -> Mapping[str, Any]:
    """Return the `deploy` section of fabric.yml; one whose lines are all commented out is empty.

    Raises:
        SettingsInvalid: it is a text, a number or a list.
    """
    section = c.config.get("deploy") or {}
    if not hasattr(section, "items"):
        raise SettingsInvalid(
            f"deploy must be a section of settings, not {section!r}",
            hint="Mend fabric.yml; docs/settings.md lists every setting.",
        )
    found: Mapping[str, Any] = section
    return found


def _typed_hosts(c: Context) -> str | None:
    """What stands behind -H: fab's own parsing where fab runs us, else the connection that we were called with."""
    if hasattr(program, "core"):
        typed = program.args.hosts.value
        return None if typed is None else str(typed)
    return str(c.original_host) if isinstance(c, Connection) else None


def _ssh_config_file() -> str | None:
    return program.args["ssh-config"].value if hasattr(program, "core") else None


def described(words: list[str]) -> list[str]:
    """Take what stands behind `new` for its description, where fab would take the second word for another task."""
    if words[:1] != ["new"]:
        return words
    flags: list[str] = []
    description: list[str] = []
    rest = iter(words[1:])
    for word in rest:
        if word in {"--renumber", "--description"}:
            flags += [word, *[value for value in [next(rest, None)] if value is not None]]
        else:
            (flags if word.startswith("-") else description).append(word)
    return ["new", *flags, *(["--description", " ".join(description)] if description else [])]


def refuse_unreadable(hosts: str | None, words: list[str]) -> None:
    """Refuse a -H at which Fabric would end with a traceback; no task is called with it, and none runs on this machine instead.

    Args:
        hosts: what stands behind -H.
        words: the tasks and their flags.

    Raises:
        Exit: the refusal has been printed.
    """
    try:
        if all(derive_shorthand(host)["host"] for host in (hosts or "none").split(",")):
            return
    except ValueError:
        pass
    from deploy.report.document import refusal_document  # noqa: PLC0415
    from deploy.server.target import hosts_of  # noqa: PLC0415

    try:
        hosts_of(hosts)
    except DeployError as refused:
        if "--json" in words:
            _print_json(refusal_document(refused, "local"))
        console = _console(sys.stderr if "--json" in words else sys.stdout)
        console.error(refused, "local")
        console.told([refusal_document(refused, "local")], refused, "local", "")
        raise Exit(code=refused.status) from None


def _harmless(stream: TextIO) -> TextIO:
    """Let a trace, which has words of the server in it, command no runner."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return stream
    from deploy.report.github_console import GitHubLog  # noqa: PLC0415

    return cast("TextIO", GitHubLog(stream))


def _print_json(document: object) -> None:
    from deploy.report.document import document_text  # noqa: PLC0415

    try:
        _plain(sys.stdout).document(document_text(document))
    except OSError as error:
        lost = UsageError(
            f"the document can't be written to stdout: {error.strerror}",
            hint="Look at where stdout goes; the command `history` shows what was done.",
        )
        _plain(sys.stderr).error(lost, "local")
        raise Exit(code=lost.status) from None


if hasattr(program, "core"):  # fab has read its own flags, and not yet the tasks
    if DEBUG or program.args.debug.value:
        begin_trace(_harmless(sys.stderr))
        log.debug("fab %s", words(program.argv[1:]))
    program.core.unparsed[:] = described(program.core.unparsed)
    if program.core.unparsed:
        refuse_unreadable(program.args.hosts.value, program.core.unparsed)

ns = Collection(
    deploy,
    rehearse,
    drift,
    rollback,
    undo,
    forget,
    backup,
    backups,
    verify,
    fetch,
    salvage,
    schedule,
    status,
    history,
    report,
    doctor,
    follow,
    cancel,
    repair,
    new,
    check,
    demo,
)
