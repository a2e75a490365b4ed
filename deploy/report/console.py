"""Events and results as lines for people."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

from deploy.job.runner import printable
from deploy.model.event import (
    BackupsPruned,
    BackupStarted,
    BackupTaken,
    ChangesShown,
    ConnectionDropped,
    ConnectionRestored,
    CopyRestored,
    DatabaseForgotten,
    Event,
    JobBegun,
    JobEnded,
    JobFailed,
    MigrationApplied,
    MigrationStarted,
    RehearsalStarted,
    Rehearsed,
    Retrying,
    StepStarted,
    Waiting,
    Warned,
)
from deploy.plan.backup import age, megabytes, whose
from deploy.plan.rollback import RollbackPlan, UndoPlan
from deploy.report.characters import encodable, in_ascii, speaks_unicode
from deploy.report.progress import Progress, Work, bar, clock, duration, work_after
from deploy.report.rehearsal import lines_about
from deploy.report.table import columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from deploy.commands.backups import BackupResult
    from deploy.commands.drift import DriftResult
    from deploy.commands.fetch import FetchResult
    from deploy.commands.look import Entry, Status
    from deploy.commands.rehearse import RehearsalResult
    from deploy.commands.release import ReleaseResult
    from deploy.commands.report import Report, Written
    from deploy.commands.rollback import RollbackResult
    from deploy.commands.salvage import SalvageResult
    from deploy.commands.schedule import ScheduleResult
    from deploy.job.outcome import FileTried
    from deploy.model.backup import Backup
    from deploy.model.errors import DeployError
    from deploy.model.examination import Check
    from deploy.model.observation import Observation, Replaced
    from deploy.plan.release import ReleasePlan
    from deploy.report.terminal import Terminal

SHOWN_STEPS = {
    "restore": "📦 Restoring into a side database...",
    "compare": "🔎 Comparing rows per table...",
    "swap": "🔁 Swapping the databases...",
    "let nobody write": "🔒 Locking all tables: clients may read, and wait to write...",
    "restore in place": "📦 Restoring in place, in one transaction: clients wait...",
    "check the backup": "🔎 Reading the backup...",
    "restore a copy": "📦 Restoring the backup into a scratch database...",
}
SHOWN_CHANGES = 12

LABEL = 36
"""Columns that stand beside a list of names in a status, and what its end says of the rest."""

LENGTH = 8
"""Characters of the bar of the longest job in a history; half of it on a terminal that isn't WIDE."""

WIDE = 80


class Console:
    """Writes to one stream; what it prints is for people, and changes when a better word is found.

    On a terminal there are colours, lines broken between words, and one that moves below them while something goes on.
    """

    def __init__(self, stream: TextIO | None, variables: Mapping[str, str] = os.environ) -> None:
        # Python has None for a stream that was closed before it began (`>&-`)
        self._stream = stream = stream or io.StringIO()
        self._is_terminal = stream.isatty() and variables.get("TERM", "dumb") not in {"", "dumb", "unknown"}
        self._coloured = not variables.get("NO_COLOR")
        self._unicode = speaks_unicode(stream, variables)
        self._opened: Terminal | None = None
        self._work: Work | None = None
        self._step = ""
        self._left_job = False
        self.asked_to_leave = False

    @property
    def _terminal(self) -> Terminal | None:
        """The terminal, if there is one; rich is imported only for it."""
        if self._is_terminal and self._opened is None:
            from deploy.report.terminal import Terminal  # noqa: PLC0415 - it takes its time

            self._opened = Terminal(self._stream, unicode=self._unicode, coloured=self._coloured)
        return self._opened

    @property
    def width(self) -> int | None:
        """Columns of the terminal; None elsewhere, where a line is as long as it has to be."""
        return self._terminal.width if self._terminal else None

    def line(self, text: str = "", *, end: str = "\n", style: str = "", took: str = "") -> None:
        """Print one line, at once. `style` and `took`, which says how long something took, are for those who watch it."""
        self._end_step()
        *before, last = [printable(part) for part in text.split("\n")]
        for part in before:
            self._write(part, style=style)
        self._write(last, end=end, style=style, took=took)

    def document(self, text: str) -> None:
        """Print JSON as it is, for programs; but what a terminal would obey is escaped.

        Raises:
            OSError: it can't be written; a reader that left is none of our business.
        """
        try:
            print(_escaped(text, str.isprintable), file=self._stream, flush=True)
        except UnicodeEncodeError:
            print(_escaped(text, str.isascii), file=self._stream, flush=True)
        except BrokenPipeError:
            self._go_silent()
        except OSError:
            self._go_silent()
            raise

    def _write(self, text: str, *, end: str = "\n", style: str = "", took: str = "") -> None:
        try:
            if self._terminal:
                self._terminal.line(text, style=style, took=took, end=end)
            else:
                encoding = self._stream.encoding or "utf-8"
                print(
                    text if self._unicode else encodable(in_ascii(text), encoding),
                    file=self._stream,
                    end=end,
                    flush=True,
                )
        except OSError:
            self._go_silent()

    def _go_silent(self) -> None:
        """Nobody reads any more (`| head`, a closed terminal): what goes on goes on, and its exit status stays true."""
        self._is_terminal, self._opened = False, None
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def note(self, text: str) -> None:
        """Say what is going on."""
        self.line(f"▶ {text}")

    def progress(self, total: int, what: str) -> Progress:
        """Return what shows a transfer of this many bytes."""
        return Progress(what, total, self._show)

    def _show(self, work: Work | None) -> None:
        self._work = work
        if self._terminal:
            try:
                self._terminal.show(work)
            except OSError:
                self._go_silent()

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """Let a line move while something takes its time that says nothing itself."""
        self._show(Work(what, time.monotonic()))
        try:
            yield
        finally:
            self._show(None)

    @contextmanager
    def following(self) -> Iterator[None]:
        """Let a line move while a job's events come in, and take it away at their end, whatever that is."""
        try:
            yield
        except KeyboardInterrupt:
            self._left_job = True
            raise
        finally:
            self._end_step()
            self._show(None)

    def goes_on(self, host: str) -> None:
        """Say what the first Ctrl-C means, from another thread."""
        self.asked_to_leave = True
        self.line(f"▶ the job goes on; Ctrl-C again leaves it. {self._how_to_follow(host)}")

    def left(self, host: str) -> None:
        """Say what is going on without us."""
        self.line()
        self.line(
            f"▶ left; a job that was started goes on. {self._how_to_follow(host)}"
            if self._left_job
            else "▶ left; no job of this command is running"
        )

    @staticmethod
    def _how_to_follow(host: str) -> str:
        return for_host("Watch it with `fab -H … follow`, stop it with `fab -H … cancel`", host)

    def _begin_step(self, text: str) -> None:
        """Begin what is worth a line; where one moves, that comes when it is over, with the time that it took."""
        if self._terminal is None:
            self.line(text)
        else:
            self._step = text

    def _end_step(self, *, took: str = "") -> None:
        step, self._step = self._step, ""
        if step:
            self._write(step, took=took)

    def _took(self) -> str:
        return duration(time.monotonic() - self._work.since) if self._work else ""

    def error(self, error: DeployError, host: str, *, one_of_many: bool = False) -> None:
        """Say what happened, and what to do; `one_of_many` servers is named."""
        self.line(f"❌ {f'{host}: ' if one_of_many else ''}{for_host(error.message, host)}")
        for detail in error.details:
            self.line(f"   {for_host(detail, host)}")
        self.line(f"   👉 {for_host(error.hint, host)}")

    def commands(self, lines: Iterable[str]) -> None:
        """Print lines that are for a machine which reads this."""
        for line in lines:
            self.line(line)

    def told(self, documents: Sequence[Any], error: DeployError | None, host: str, directory: str) -> None:
        """Take note of how a command ended, after the last line; people have been told already.

        Args:
            documents: as `--json` has them.
            error: as it was printed.
            host: what it is about, as -H names it.
            directory: the migrations of its environment, empty where that isn't known.
        """

    @property
    def can_ask(self) -> bool:
        """Is there somebody to answer?"""
        return sys.stdin is not None and sys.stdin.isatty()

    def ask(self, question: str) -> bool:
        """Ask for the word yes."""
        try:
            self._show(None)
            asked = f"❓ {question} Type yes to go on: "
            if self.width is not None and len(asked) >= self.width:
                self.line(f"❓ {question}")
                asked = "   Type yes to go on: "
            self.line(asked, end="")
            return sys.stdin.readline().strip() == "yes"
        except KeyboardInterrupt:
            self.line()
            return False

    def event(self, event: Event) -> None:
        """Put an event into words; most of what a job says is for the record only."""
        if isinstance(event, StepStarted | JobFailed | JobEnded):
            self._end_step(took=self._took())
        self._say(event)
        self._show(work_after(self._work, event, time.monotonic()))

    def _say(self, event: Event) -> None:  # noqa: C901, PLR0912 - one line a kind of event
        match event:
            case JobBegun(job):
                self.line(f"▶ job {job}")
            case StepStarted(name):
                if name in SHOWN_STEPS:
                    self._begin_step(SHOWN_STEPS[name])
            case BackupStarted(name):
                kind = (
                    "safety"
                    if name.startswith("pre_rollback")
                    else "pre-deployment"
                    if name.startswith("pre_deploy")
                    else "a"
                )
                self.line(f"🔒 Creating {kind} backup...")
            case BackupTaken(name, size, _, tables, rows):
                self.line(f"  ✅ {name}: {megabytes(size)}, {tables} tables, {rows} rows, verified", took=self._took())
            case MigrationStarted(name, run) if not run:
                self.line(f"📄 Applying migration: {name}")
            case MigrationApplied(name, run) if not run:
                self.line(f"  ✅ {name} applied successfully", took=self._took())
            case CopyRestored(tables, rows):
                self.line(f"  ✅ it restores: {tables} tables, {rows} rows", took=self._took())
            case RehearsalStarted(1):
                self.line("🧪 Rehearsing on the copy...")
            case Rehearsed():
                self.line("  ✅ every file runs, and runs a second time without moving anything", took=self._took())
            case Waiting(pid, application, user, state, since, query):
                self.line(
                    f"  ⏳ waits for pid {pid} ({application or 'no name'}, {user}, {state} since {since}): {query}"
                )
            case Retrying(in_s, attempt, of):
                self.line(f"  ⏳ its lock was not had in time; it was rolled back, try {attempt} of {of} in {in_s} s")
            case ChangesShown():
                self._changes(event)
            case BackupsPruned(count):
                self.line(f"🧹 {count} old backups removed")
            case DatabaseForgotten(name):
                self.line(f"🧹 dropped the replaced database {name}")
            case Warned(text):
                self.line(f"⚠️  {text}")
            case ConnectionDropped(for_s):
                self.line(
                    f"🔌 the connection is lost; the job goes on without it. Trying to come back for {for_s:.0f} s..."
                )
            case ConnectionRestored():
                self.line("🔌 connected again")
            case _:
                pass

    def tried(self, files: Sequence[FileTried]) -> None:
        """Say what the files did to the copy, and so will do to the live database."""
        for line in lines_about(files):
            self.line(f"  {line}")

    def _changes(self, changes: ChangesShown) -> None:
        if changes.written_since:
            self.line(
                f"   {changes.written_since} inserts, updates and deletes of rows since the backup, which this undoes"
            )
        if changes.pending_again:
            self.line(f"   pending again: {', '.join(changes.pending_again)}")
        if not changes.rows:
            self.line("   no table has another number of rows than now")
            return
        rows = [("table", "rows now", "rows then")]
        rows += [(c.table, _count(c.now), _count(c.then)) for c in changes.rows[:SHOWN_CHANGES]]
        self.table(rows, indent="   ", cut={"table": 20})
        if len(changes.rows) > SHOWN_CHANGES:
            self.line(f"   and {len(changes.rows) - SHOWN_CHANGES} more tables")

    def table(
        self,
        rows: Sequence[Sequence[str]],
        *,
        indent: str = "",
        dropped: Sequence[str] = (),
        cut: Mapping[str, int] | None = None,
    ) -> None:
        """Print rows as columns; the first row is the header. `dropped` and `cut` are for narrow terminals, see `columns`."""
        width = self.width - len(indent) if self.width else None
        for line in columns(rows, width, dropped=dropped, cut=cut, more="…" if self._unicode else "~"):
            self.line(indent + line)

    def release_plan(self, host: str, plan: ReleasePlan, seen: Observation, *, dry_run: bool) -> None:
        """Show what a deploy will do."""
        head = "would be done, nothing was changed" if dry_run else "deploying"
        self.line(f"▶ {host}: {head}")
        if seen.database and seen.database.scratch:
            self.line(f"⚠️  a killed job left {', '.join(seen.database.scratch)}: {for_host('fab -H … repair', host)}")
        for warning in plan.warnings:
            self.line(f"⚠️  {warning}")
        if not dry_run:
            return
        for what in _steps(plan, seen):
            self.line(f"   {what}")

    def release_result(self, result: ReleaseResult) -> None:
        """Say how a deploy ended."""
        if result.error:
            return
        if result.outcome == "nothing_pending":
            self.line(f"✅ {result.host}: nothing pending")
        else:
            backup = f", backup {result.backup}" if result.backup else ""
            count = f"{len(result.applied)} migration{'s' if len(result.applied) != 1 else ''} applied"
            self.line(f"✅ {result.host}: {count} in {result.duration_s:.1f} s{backup}")

    def release_table(self, results: Iterable[ReleaseResult]) -> None:
        """Sum up a deploy to several servers."""
        words = {"applied": "done", "nothing_pending": "done", "not_started": "not started", "planned": "planned"}
        rows = [("host", "outcome", "applied", "backup")]
        rows += [(r.host, words.get(r.outcome, r.outcome), str(len(r.applied)), r.backup or "-") for r in results]
        self.table(rows)

    def rehearsal_result(self, result: RehearsalResult) -> None:
        """Say how a rehearsal ended."""
        if result.outcome == "nothing_pending":
            self.line(f"✅ {result.host}: nothing pending")
        elif not result.error:
            count = f"{len(result.pending)} migration{'s' if len(result.pending) != 1 else ''}"
            self.line(f"✅ {result.host}: {count} rehearsed in {result.duration_s:.1f} s; nothing was changed")

    def drift_result(self, result: DriftResult) -> None:
        """Show what differs, as a diff from the migrations to the database."""
        words = {
            "only_in_database": "is only in the database",
            "only_in_migrations": "is only in the migrations",
            "differs": "differs (- migrations, + database)",
        }
        for found in result.drift.differences:
            self.line(f"  {found.what} {words[found.how]}")
            for line in found.diff:
                self.line(f"    {line}")
        ignored = f" ({result.drift.ignored} differences ignored)" if result.drift.ignored else ""
        if not result.error:
            what = "migration produces" if result.files == 1 else "migrations produce"
            self.line(f"✅ {result.host}: the schema is what its {result.files} {what}{ignored}")

    def rollback_plan(self, host: str, plan: RollbackPlan, seen: Observation, *, dry_run: bool) -> None:
        """Show what a rollback will do."""
        head = "would be done, nothing was changed" if dry_run else "rolling back"
        self.line(f"▶ {host}: {head}")
        last = plan.backup.manifest.migration if plan.backup.manifest else None
        known = (
            f"up to {last}" if last else "without any migration" if plan.backup.manifest else "contents not known yet"
        )
        self.line(
            f"   backup {plan.backup.name}, {age(seen.time, plan.backup.taken_at)} old, {megabytes(plan.backup.bytes)}, {known}"
        )
        self._foreign(plan.backup, seen)
        if plan.in_place:
            self.line(
                "⚠️  in place: everything is dropped and restored in one transaction; clients block until it is over,"
                " and who has read before may be cancelled"
            )
        else:
            self.line(f"   restored beside the live database first; the replaced one stays as {plan.replaced}")

    def _foreign(self, backup: Backup, seen: Observation) -> None:
        """Say loudly that a backup is of another database than the one whose place it takes."""
        other, here = whose(backup, seen.here), seen.here
        if other is None:
            return
        self.line(f"⚠️  THIS BACKUP IS OF ANOTHER DATABASE: of {other}, not of {here.name} on this server")
        if backup.origin and backup.origin.name == here.name:
            self.line(
                f"   its PostgreSQL was system {backup.origin.system}, this one is {here.system}: moved, set up anew, or a copy"
            )
        self.line(f"   all that is in {here.database} now makes way for what is in that one")

    def rollback_result(self, result: RollbackResult) -> None:
        """Say how a rollback ended."""
        if result.error:
            return
        self.line(f"✅ {result.host}: rolled back to {result.backup}; no connections for {result.outage_ms} ms")
        kept = f"; the replaced database is kept as {result.replaced_database}" if result.replaced_database else ""
        self.line(f"   safety backup {result.safety_backup}{kept}")
        if result.replaced_database:
            salvage = for_host("fab -H … salvage", result.host)
            self.line(f"   `{salvage}` gives back the rows that were written since")
        if result.pending_again:
            self.line(f"   pending again: {', '.join(result.pending_again)}")

    def undo_plan(self, host: str, plan: UndoPlan) -> None:
        """Show what an undo will do."""
        self.line(f"▶ {host}: undoing; {plan.source} comes back, what is live now stays as {plan.replaced}")

    def undo_result(self, result: RollbackResult) -> None:
        """Say how an undo ended."""
        if result.error:
            return
        self.line(f"✅ {result.host}: {result.backup} is live again; no connections for {result.outage_ms} ms")
        self.line(f"   what was live is kept as {result.replaced_database}; another undo puts it back")

    def forget_plan(self, host: str, replaced: Sequence[Replaced]) -> None:
        """Show what would be dropped for good."""
        for each in replaced:
            self.line(f"▶ {host}: {each.name}, {megabytes(each.bytes)}")

    def backups(self, host: str, seen: Observation, found: Sequence[Backup]) -> None:
        """List the backups, newest first."""
        if not found:
            self.line(f"{host}: there is no backup")
            return
        # a column of its own only where there is something to tell
        foreign = any(whose(b, seen.here) for b in found)
        rows = [("name", "kind", "age", "size", "last migration", "verified", "restored", *(("of",) * foreign))]
        for backup in found:
            own = "this" if backup.is_of(seen.here) else "-"
            manifest = backup.manifest
            restored = manifest.restored_at if manifest else None
            rows.append(
                (
                    backup.name,
                    backup.kind,
                    age(seen.time, backup.taken_at),
                    megabytes(backup.bytes),
                    (manifest.migration if manifest else None) or "-",
                    "yes" if backup.verified else "no",
                    f"{age(seen.time, datetime.fromisoformat(restored))} ago" if restored else "-",
                    *((whose(backup, seen.here) or own,) * foreign),
                )
            )
        self.table(rows, dropped=("kind", "restored", "last migration", "verified"), cut={"last migration": 8})
        verified = [b for b in found if b.verified and b.is_of(seen.here)]
        of_this = " of this database" * foreign
        newest = (
            f"the newest verified one{of_this} is {age(seen.time, verified[0].taken_at)} old"
            if verified
            else f"none{of_this} is verified"
        )
        self.line(f"{len(found)} backup{'s' if len(found) != 1 else ''}; {newest}")

    def backup_result(self, result: BackupResult) -> None:
        """Say how a backup ended."""
        if not result.error:
            self.line(f"✅ {result.host}: {result.backup}")

    def fetch_result(self, result: FetchResult) -> None:
        """Say how a fetch ended."""
        if not result.error:
            how = "is here already" if result.outcome == "present" else "is here"
            self.line(f"✅ {result.host}: {result.path} {how}, {megabytes(result.bytes)}, sha256 {result.sha256}")

    def salvage_result(self, result: SalvageResult) -> None:
        """Say which rows were saved, and what was not looked at."""
        for table in result.tables:
            if table.path:
                left_out = f", without {', '.join(table.columns_left_out)}" if table.columns_left_out else ""
                self.line(f"  ✅ {table.table}: {table.rows} rows in {table.path}{left_out}")
            elif table.reason:
                self.line(f"⚠️  {table.table} was not compared: {table.reason}")
        rows = sum(table.rows or 0 for table in result.tables)
        self.line(f"✅ {result.host}: {rows} rows of {result.database} are missing in the live database")

    def schedule_result(self, result: ScheduleResult) -> None:
        """Say what cron does from now on."""
        words = {
            "scheduled": "cron takes a backup from now on",
            "removed": "cron takes no backup any more",
            "unchanged": "cron takes a backup already" if result.line else "cron took no backup anyway",
        }
        self.line(f"✅ {result.host}: {words[result.outcome]}")
        if result.line:
            self.line(f"   {result.line}")

    def status(self, status: Status) -> None:
        """Say where a server stands, on one screen: what is applied, what is pending, is anything wrong, where can we go back to."""
        standing, seen = status.standing, status.seen
        ledger = "" if seen.ledger.exists else "; no ledger yet: the first deploy applies every file"
        self.line(
            f"{status.host}: {status.database.name}, {megabytes(status.database.bytes)}, PostgreSQL {status.database.major}{ledger}"
        )
        last = f", the last is {standing.applied[-1]}" if standing.applied else ""
        self.line(f"  applied  {len(standing.applied)}{last}")
        names = [m.name for m in standing.pending]
        self.line(f"  pending  {len(names)}{': ' + _few(names, 8, self._room(2)) if names else ''}")
        wrong = list(_wrong(status, self._room(1)))
        for each in wrong:
            self.line(f"  ⚠️  {for_host(each, status.host)}")
        if not wrong:
            self.line("  wrong    nothing")
        self._ways_back(status)
        if status.last_change:
            self.line(f"  last     {_last_change(status.last_change, seen.time)}")
        if seen.locked:
            self.line(f"  🔒 at work: {seen.holder or 'a job that has just begun'}")
        elif status.database.locked_by:
            self.line(f"  🔒 a session holds the deploy lock in the database: {status.database.locked_by}")

    def _room(self, lines: int) -> int | None:
        """Characters that a list of names may have to fit into so many lines."""
        return None if self.width is None else lines * (self.width - LABEL)

    def _ways_back(self, status: Status) -> None:
        """Say how old the newest backup is, and where a rollback and an undo would lead."""
        latest, seen, ways = status.latest_backup, status.seen, status.ways_back
        if latest is None:
            others = sum(whose(b, seen.here) is not None for b in seen.backups)
            listed = for_host("`fab -H … backups`", status.host)
            self.line("  backup   none yet" + (f"; {others} of another database or server: {listed}" if others else ""))
        else:
            self.line(f"  backup   {latest.name}, {age(seen.time, latest.taken_at)} old, {_proof(latest, seen.time)}")
        if isinstance(ways.rollback, RollbackPlan):
            manifest = ways.rollback.backup.manifest
            upto = f"to {manifest.migration}" if manifest and manifest.migration else "to before the first migration"
            self.line(for_host(f"  rollback {upto}: `fab -H … rollback --backup=latest`", status.host))
        elif latest is not None:
            self.line(f"  ⚠️  no rollback: {for_host(ways.rollback.message, status.host)}")
        if isinstance(ways.undo, UndoPlan):
            size = next(megabytes(r.bytes) for r in status.database.replaced if r.name == ways.undo.source)
            more = f", {len(status.database.replaced) - 1} older" if len(status.database.replaced) > 1 else ""
            self.line(for_host(f"  replaced {ways.undo.source}, {size}{more}: `fab -H … undo`", status.host))
        elif ways.undo is not None and str(ways.undo) != str(ways.rollback):
            self.line(f"  ⚠️  no undo: {for_host(ways.undo.message, status.host)}")

    def history(self, host: str, entries: Sequence[Entry]) -> None:
        """List what was deployed, newest first, each with a bar as long as it took."""
        if not entries:
            self.line(f"{host}: nothing was deployed yet")
            return
        longest = max((e.seconds or 0 for e in entries), default=0)
        rows = [("when (UTC)", "command", "outcome", "took", "by", "commit", "what")]
        rows += [
            (
                e.started_at.replace("T", " ")[:16],
                e.command,
                e.outcome or "not known",
                self._length(e.seconds, longest),
                f"{e.by} ({e.source})",
                (e.commit or "-")[:8],
                ", ".join(e.rows) or str(e.plan.get("backup") or "-"),
            )
            for e in entries
        ]
        self.table(rows, dropped=("commit", "by"), cut={"what": 7, "by": 9})

    def _length(self, seconds: int | None, longest: int) -> str:
        """Say how long a job took, with a bar that is compared with the others."""
        if seconds is None:
            return f"{'-':>7}"
        said = clock(seconds) if seconds >= 60 else f"{seconds} s"  # noqa: PLR2004 - seconds in a minute
        length = LENGTH if self.width is None or self.width >= WIDE else LENGTH // 2
        return f"{said:>7} {bar(seconds / max(longest, 1), length, '█' if self._unicode else '#')}".rstrip()

    def report(self, reports: Sequence[Report], written: Written) -> None:
        """Say where the page is, and what is missing in it."""
        for each in reports:
            if each.error:
                self.line(f"⚠️  {each.host}: the ledger and the database's size are missing: it didn't answer")
        where = written.path or "stdout"
        self.line(f"✅ {', '.join(each.host for each in reports)}: {where}, {megabytes(written.bytes)}")

    def doctor(self, host: str, checks: Sequence[Check]) -> None:
        """List what was looked at, and what mends it."""
        self.line(f"{host}:")
        for check in checks:
            mark = "❌" if not check.well else "⚠️ " if check.doubtful else "✅"
            self.line(f"  {mark} {check.name}: {for_host(check.found, host)}")
            for detail in check.details:
                self.line(f"     {for_host(detail, host)}")
            if check.mend:
                self.line(f"     👉 {for_host(check.mend, host)}")


def _escaped(text: str, stays: Callable[[str], bool]) -> str:
    """Escape characters of a JSON document; beyond printable ASCII it has them only inside its strings."""
    return "".join(c if c == "\n" or stays(c) else json.dumps(c)[1:-1] for c in text)


def for_host(text: str, host: str) -> str:
    """Make `fab -H … status` the command that can be typed here."""
    return text.replace("fab -H … ", "fab " if host == "local" else f"fab -H {host} ").replace("fab -H local ", "fab ")


def _steps(plan: ReleasePlan, seen: Observation) -> Iterator[str]:
    """Say what a deploy will do, in its order."""
    if plan.does_nothing:
        yield "nothing: every migration is applied"
    if plan.backup:
        yield f"take a backup of {megabytes(seen.database.bytes) if seen.database else 'the database'}: {plan.backup}"
    if plan.rehearsal.restore:
        yield f"restore it into a scratch database{', and run the files there twice' if plan.rehearsal.runs else ''}"
    if plan.upload:
        yield "copy migrations/"
    if plan.install:
        yield "install backup-db.sh and restore-db.sh"
    yield from (f"record as applied, without running it: {migration.name}" for migration in plan.baseline)
    for pending in plan.pending:
        yield f"apply {pending.migration.name}{' (outside a transaction)' if pending.reading.reason else ''}"
    if plan.prune:
        yield f"remove {len(plan.prune)} old backups"
    yield from (f"drop the replaced database {name}" for name in plan.forget)


def _wrong(status: Status, room: int | None) -> Iterator[str]:
    """Say what somebody should look at, a line each."""
    standing, seen = status.standing, status.seen
    for label, names in (
        ("edited", standing.changed),
        ("missing", standing.missing),
        ("late", tuple(m.name for m in standing.late)),
        ("started, not finished", standing.unfinished),
    ):
        if names:
            yield f"{label}: {_few(names, 3, room)}"
    if status.database.standby:
        yield "it is a standby: it takes no deploys"
    left = [*status.database.scratch, *seen.partial]
    if left and not seen.locked:
        yield f"a killed job left {_few(left, 2)}: `fab -H … repair`"


def _few(names: Sequence[str], count: int, room: int | None = None) -> str:
    """Name the first of them, at least one, and count the others."""
    shown = list(names[:count])
    while room is not None and len(shown) > 1 and len(", ".join(shown)) > room:
        shown.pop()
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return ", ".join(shown) + more


def _proof(backup: Backup, now: datetime) -> str:
    """Say what is known about a backup that counts: it was read back when it was taken."""
    restored = backup.manifest.restored_at if backup.manifest else None
    return f"restored {age(now, datetime.fromisoformat(restored))} ago" if restored else "verified"


def _last_change(entry: Entry, now: datetime) -> str:
    try:
        when = f"{age(now, datetime.fromisoformat(entry.started_at))} ago"
    except (ValueError, TypeError):  # the audit can be edited by hand
        when = entry.started_at
    return f"{entry.command} by {entry.by} ({entry.source}), {when}: {entry.outcome or 'how it ended is not known'}"


def _count(rows: int | None) -> str:
    return "no such table" if rows is None else str(rows)
