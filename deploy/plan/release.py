"""What a deploy will do, decided before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from deploy.check.reach import reach_of
from deploy.check.transactions import Reading, Way, read_script
from deploy.model.errors import (
    ExtensionLacking,
    MigrationDuplicate,
    MigrationEdited,
    MigrationInvalid,
    MigrationLate,
    MigrationMissing,
    MigrationUnreadable,
    UsageError,
)
from deploy.plan.backup import name_backup, require_format, require_space_for_backup
from deploy.plan.rehearsal import NONE, Rehearsal, plan_rehearsal, rehearse_mode
from deploy.plan.retention import plan_forgetting, plan_retention

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.model.ledger import Ledger
    from deploy.model.migration import Migration
    from deploy.model.observation import Observation
    from deploy.model.settings import Settings


NAMED = 3
"""How many edited files an error names before it counts them."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator asked for beyond "everything that is pending"; numbers are NNN as typed, in `reapply` several with commas.

    `throwaway`: the server is there for this alone, so that a file may reach beyond its database.
    """

    only: str = ""
    reapply: str = ""
    baseline: str = ""
    allow_late: bool = False
    always_backup: bool = False
    rehearse: str = ""
    throwaway: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """A migration to apply, and how it can be run. `text` is what psql will read; `reach` as `reach_of` says it."""

    migration: Migration
    reading: Reading
    text: bytes
    reach: str | None = None


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """A deploy, decided.

    `baseline` is recorded without running, `pending` is applied in order. A `backup` of None takes none. `upload` says whether
    the server's migrations directory differs from ours, `install` whether its scripts for the work by hand do. `forget` are replaced databases that are old enough to go.
    """

    baseline: tuple[Migration, ...]
    pending: tuple[Pending, ...]
    backup: str | None
    prune: tuple[str, ...]
    forget: tuple[str, ...]
    upload: bool
    warnings: tuple[str, ...]
    last_applied: str | None
    ledger_fingerprint: str
    install: bool = False
    rehearsal: Rehearsal = NONE

    @property
    def does_nothing(self) -> bool:
        """Is there nothing to do on the server?"""
        return not (self.baseline or self.pending or self.backup or self.upload or self.install)


@dataclass(frozen=True, slots=True)
class Standing:
    """How the files and the ledger compare; each field in number order. A repeatable file that was edited is applied and pending."""

    applied: tuple[str, ...]
    pending: tuple[Migration, ...]
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    late: tuple[Migration, ...]
    unfinished: tuple[str, ...]
    gaps: tuple[int, ...]


def compare(found: Sequence[Migration], ledger: Ledger) -> Standing:
    """Compare the files with the ledger; decides nothing, refuses nothing."""
    applied = {row.name: row for row in ledger.applied}
    here = {m.name for m in found}
    highest = max((row.number for row in ledger.applied), default=-1)
    edited = [m for m in found if m.name in applied and applied[m.name].sha256 != m.sha256]
    again = {m.name for m in edited if is_repeatable(m)}
    pending = tuple(m for m in found if m.name not in applied or m.name in again)
    started = {row.name for row in ledger.unfinished}
    numbers = sorted({m.number for m in found} | {row.number for row in ledger.applied})
    return Standing(
        applied=tuple(sorted(applied, key=lambda name: applied[name].number)),
        pending=pending,
        changed=tuple(m.name for m in edited if m.name not in again),
        missing=tuple(sorted((name for name in applied if name not in here), key=lambda name: applied[name].number)),
        late=tuple(m for m in pending if m.number < highest and m.name not in started | again),
        unfinished=tuple(row.name for row in sorted(ledger.unfinished, key=lambda row: row.number)),
        gaps=tuple(
            missing
            for before, after in pairwise(numbers)
            if after < 1000  # noqa: PLR2004 - longer numbers are timestamps, which have gaps by nature
            for missing in range(before + 1, after)
        ),
    )


def is_repeatable(migration: Migration) -> bool:
    """Tell whether a file asks to be run again whenever its text changes."""
    text = migration.content.decode(errors="replace")
    return "repeatable" in text and read_script(text).directives.repeatable


def plan_release(
    found: Sequence[Migration], files_sum: str, seen: Observation, settings: Settings, wish: Wish
) -> ReleasePlan:
    """Decide what a deploy does.

    Args:
        found: the migrations on this side, in number order.
        files_sum: the sum over all files of the directory, as observe.sh computes it.
        seen: the server.
        settings: of its environment.
        wish: the operator's flags.

    Raises:
        DeployError: of the 20s for a file that can't be applied as it stands, NoSpace, or UsageError for a flag.
    """
    refuse_duplicates(found)
    ledger = seen.ledger
    standing = compare(found, ledger)
    words = wish.reapply.split(",") if wish.reapply else ()
    reapplied = tuple({m.name: m for word in words for m in [_numbered(found, word.strip(), "--reapply")]}.values())
    refuse_edited(standing, reapplied)
    refuse_missing(standing, ledger)
    baseline = _baseline(found, standing, wish)
    chosen = _chosen(found, standing, baseline, reapplied, wish)
    refuse_late(standing, baseline, chosen, allowed=wish.allow_late)
    pending = tuple(read_pending(m) for m in chosen)
    require_extensions(pending, seen)
    backup = None
    rehearsal = NONE
    mode = rehearse_mode(wish.rehearse, settings)
    if pending or baseline or wish.always_backup:
        require_format(seen, settings)
        require_space_for_backup(seen)
        backup = name_backup("pre_deploy", seen, settings)
        rehearsal = plan_rehearsal(pending, seen, settings, mode, contained=not wish.throwaway)
    return ReleasePlan(
        baseline=baseline,
        pending=pending,
        backup=backup,
        prune=plan_retention(seen, settings, taking="pre_deploy") if backup else (),
        forget=plan_forgetting(seen, settings) if backup else (),
        upload=files_sum != seen.migrations_sum,
        warnings=(*_warnings(standing, baseline, pending, wish), *_of(rehearsal)),
        last_applied=ledger.last,
        ledger_fingerprint=ledger.fingerprint,
        rehearsal=rehearsal,
    )


def require_extensions(pending: Sequence[Pending], seen: Observation) -> None:
    """A file may say which extensions it builds on.

    Raises:
        ExtensionLacking: the server doesn't offer one; names it and the file.
    """
    offered = seen.database.extensions if seen.database else ()
    for each in pending:
        for extension in each.reading.directives.requires_extensions:
            if offered and extension not in offered:
                raise ExtensionLacking(
                    f"{each.migration.name} requires the extension {extension}, which the server doesn't have",
                    hint="Install its package where PostgreSQL runs, or take an image that has it.",
                )


def refuse_duplicates(found: Sequence[Migration]) -> None:
    """Two files of one number have no order.

    Raises:
        MigrationDuplicate: names both.
    """
    for one, other in pairwise(found):
        if one.number == other.number:
            raise MigrationDuplicate(
                f"{one.name} and {other.name} have the same number",
                hint="Give the newer of the two the next free number.",
            )


def refuse_edited(standing: Standing, reapplied: Sequence[Migration]) -> None:
    """An applied file is history, unless the operator runs it again.

    Raises:
        MigrationEdited: names such files, and all of their numbers, with those that are run again already, in its hint.
    """
    again = {m.name for m in reapplied}
    edited = [name for name in standing.changed if name not in again]
    if not edited:
        return
    numbers = sorted({name.split("_")[0] for name in {*edited, *again}}, key=int)
    it, were = ("it", "was edited after it was") if len(edited) == 1 else ("them", "were edited after they were")
    raise MigrationEdited(
        f"{_listed(edited)} {were} applied",
        hint=f"Restore {it} from git and write a new migration, or run {it} again with --reapply={','.join(numbers)}",
    )


def _listed(names: Sequence[str]) -> str:
    """Name a few; an error has about six lines."""
    shown, more = names[:NAMED], len(names) - NAMED
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def refuse_missing(standing: Standing, ledger: Ledger) -> None:
    """A file that the ledger has must be here: this may be an old checkout.

    Raises:
        MigrationMissing: names the file.
    """
    for name in standing.missing:
        deploy_id = next(row.deploy_id for row in ledger.rows if row.name == name)
        raise MigrationMissing(
            f"{name} was applied by deploy {deploy_id} but isn't here",
            hint="Update this checkout (git pull), or bring the file back: git log --all -- '*" + name + "'",
        )


def refuse_late(
    standing: Standing, baseline: Sequence[Migration], chosen: Sequence[Migration], *, allowed: bool
) -> None:
    """A lower number than one that is applied runs in an order that nobody tested.

    Raises:
        MigrationLate: names the file.
    """
    if allowed:
        return
    for migration in standing.late:
        if migration in chosen and migration not in baseline:
            raise MigrationLate(
                f"{migration.name} has a lower number than {standing.applied[-1]}, which is applied",
                hint="Give it the next free number, or apply it as it is with --allow-late",
            )


def read_pending(migration: Migration) -> Pending:
    """Read a file as psql will, and decide how it is run.

    Raises:
        MigrationUnreadable: a NUL byte, or not UTF-8 without its own client_encoding.
        MigrationInvalid: certain to fail, or to escape its transaction.
    """
    if b"\0" in migration.content:
        line = migration.content[: migration.content.index(b"\0")].count(b"\n") + 1
        raise MigrationUnreadable(
            f"{migration.name} has a NUL byte in line {line}", hint="Save it as UTF-8 text; UTF-16 has NUL bytes."
        )
    encoding = "utf-8"
    try:
        text = migration.content.decode(encoding)
        reading = read_script(text)
    except UnicodeDecodeError as error:
        encoding = "latin-1"  # every byte stands for itself, and comes back as it was
        text = migration.content.decode(encoding)
        reading = read_script(text)
        if not reading.has_client_encoding:
            line = migration.content[: error.start].count(b"\n") + 1
            raise MigrationUnreadable(
                f"{migration.name} isn't UTF-8 in line {line}",
                hint="Save it as UTF-8, or begin it with \\encoding and what it is in, such as WIN1251.",
            ) from None
    from deploy.check.files import errors_of  # noqa: PLC0415 - loading the grammar costs a tenth of a second

    for found in errors_of(migration.name, text):
        raise MigrationInvalid(f"{found.file}:{found.line}:{found.column}: {found.message}", hint=found.rewrite)
    return Pending(migration, reading, reading.execution_text.encode(encoding), reach_of(text))


def _baseline(found: Sequence[Migration], standing: Standing, wish: Wish) -> tuple[Migration, ...]:
    if not wish.baseline:
        return ()
    last = _numbered(found, wish.baseline, "--baseline")
    return tuple(m for m in standing.pending if m.number <= last.number and m.name not in standing.applied)


def _chosen(
    found: Sequence[Migration],
    standing: Standing,
    baseline: Sequence[Migration],
    reapplied: Sequence[Migration],
    wish: Wish,
) -> tuple[Migration, ...]:
    wanted = {m.name for m in standing.pending} - {m.name for m in baseline}
    wanted |= {m.name for m in reapplied}
    if wish.only:
        only = _numbered(found, wish.only, "--only")
        if reapplied and [*reapplied] != [only]:
            raise UsageError("--only and --reapply name different migrations", hint="Give one of the two.")
        if only.name not in wanted and only.name in standing.applied:
            raise UsageError(f"{only.name} is applied already", hint=f"Run it again with --reapply={wish.only}")
        wanted &= {only.name}
    return tuple(m for m in found if m.name in wanted)


def _numbered(found: Sequence[Migration], typed: str, flag: str) -> Migration:
    """Find what `2`, `002` or a whole file name means."""
    for migration in found:
        if typed == migration.name or (typed.isdigit() and typed.lstrip("0") == str(migration.number).lstrip("0")):
            return migration
    raise UsageError(
        f"{flag}={typed} names no migration that is here",
        hint=f"The numbers here go from {found[0].name.split('_')[0]} to {found[-1].name.split('_')[0]}.",
    )


def _warnings(standing: Standing, baseline: Sequence[Migration], pending: Sequence[Pending], wish: Wish) -> list[str]:
    warnings = []
    if standing.gaps:
        warnings.append(
            f"no migration has the number {', '.join(f'{n:03}' for n in standing.gaps[:5])}: was a file forgotten?"
        )
    chosen = [p.migration for p in pending]
    warnings += [
        f"{m.name} was started but not finished; it is run again" for m in chosen if m.name in standing.unfinished
    ]
    warnings += [
        f"{p.migration.name} is repeatable and was edited; it is run again"
        for p in pending
        if p.reading.directives.repeatable and p.migration.name in standing.applied
    ]
    if wish.only and chosen:
        left = [m.name for m in standing.pending if m.number < chosen[0].number and m not in baseline]
        if left:
            warnings.append(f"{left[0]} will be late afterwards, and needs --allow-late")
    warnings += [
        f"{p.migration.name} runs outside a transaction: {p.reading.reason}"
        for p in pending
        if p.reading.way is Way.OUTSIDE
    ]
    return warnings


def _of(rehearsal: Rehearsal) -> list[str]:
    if not rehearsal.less:
        return []
    return [f"{'the files are' if rehearsal.restore else 'the deploy is'} not rehearsed: {rehearsal.less}"]
