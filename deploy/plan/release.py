"""What a deploy will do, decided before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from deploy.check.transactions import Reading, Way, read_script
from deploy.model.errors import (
    MigrationDuplicate,
    MigrationEdited,
    MigrationInvalid,
    MigrationLate,
    MigrationMissing,
    MigrationUnreadable,
    UsageError,
)
from deploy.plan.backup import name_backup, require_format, require_space_for_backup
from deploy.plan.retention import plan_forgetting, plan_retention

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.model.ledger import Ledger
    from deploy.model.migration import Migration
    from deploy.model.observation import Observation
    from deploy.model.settings import Settings


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator asked for beyond "everything that is pending"; numbers are NNN as typed."""

    only: str = ""
    reapply: str = ""
    baseline: str = ""
    allow_late: bool = False
    always_backup: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """A migration to apply, and how it can be run. `text` is what psql will read."""

    migration: Migration
    reading: Reading
    text: bytes


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

    @property
    def does_nothing(self) -> bool:
        """Is there nothing to do on the server?"""
        return not (self.baseline or self.pending or self.backup or self.upload or self.install)


@dataclass(frozen=True, slots=True)
class Standing:
    """How the files and the ledger compare; each field in number order."""

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
    pending = tuple(m for m in found if m.name not in applied)
    numbers = sorted({m.number for m in found} | {row.number for row in ledger.applied})
    return Standing(
        applied=tuple(sorted(applied, key=lambda name: applied[name].number)),
        pending=pending,
        changed=tuple(m.name for m in found if m.name in applied and applied[m.name].sha256 != m.sha256),
        missing=tuple(sorted((name for name in applied if name not in here), key=lambda name: applied[name].number)),
        late=tuple(m for m in pending if m.number < highest and m.name not in {row.name for row in ledger.unfinished}),
        unfinished=tuple(row.name for row in sorted(ledger.unfinished, key=lambda row: row.number)),
        gaps=tuple(
            missing
            for before, after in pairwise(numbers)
            if after < 1000  # noqa: PLR2004 - longer numbers are timestamps, which have gaps by nature
            for missing in range(before + 1, after)
        ),
    )


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
    reapplied = _numbered(found, wish.reapply, "--reapply") if wish.reapply else None
    refuse_edited(standing, reapplied)
    refuse_missing(standing, ledger)
    baseline = _baseline(found, standing, wish)
    chosen = _chosen(found, standing, baseline, reapplied, wish)
    refuse_late(standing, baseline, chosen, allowed=wish.allow_late)
    pending = tuple(read_pending(m) for m in chosen)
    backup = None
    if pending or baseline or wish.always_backup:
        require_format(seen, settings)
        require_space_for_backup(seen)
        backup = name_backup("pre_deploy", seen, settings)
    return ReleasePlan(
        baseline=baseline,
        pending=pending,
        backup=backup,
        prune=plan_retention(seen, settings, taking="pre_deploy") if backup else (),
        forget=plan_forgetting(seen, settings) if backup else (),
        upload=files_sum != seen.migrations_sum,
        warnings=tuple(_warnings(standing, baseline, pending, wish)),
        last_applied=ledger.last,
        ledger_fingerprint=ledger.fingerprint,
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


def refuse_edited(standing: Standing, reapplied: Migration | None) -> None:
    """An applied file is history, unless the operator runs it again.

    Raises:
        MigrationEdited: names the file.
    """
    for name in standing.changed:
        if not reapplied or name != reapplied.name:
            raise MigrationEdited(
                f"{name} was edited after it was applied",
                hint=f"Restore it from git and write a new migration, or run it again with --reapply={name.split('_')[0]}",
            )


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
        reading = read_script(migration.content.decode(encoding))
        if not reading.has_client_encoding:
            line = migration.content[: error.start].count(b"\n") + 1
            raise MigrationUnreadable(
                f"{migration.name} isn't UTF-8 in line {line}",
                hint="Save it as UTF-8, or begin it with \\encoding and what it is in, such as WIN1251.",
            ) from None
    if reading.problems:
        problem = reading.problems[0]
        raise MigrationInvalid(
            f"{migration.name}:{problem.line}:{problem.column}: {problem.message}", hint=problem.hint
        )
    return Pending(migration, reading, reading.execution_text.encode(encoding))


def _baseline(found: Sequence[Migration], standing: Standing, wish: Wish) -> tuple[Migration, ...]:
    if not wish.baseline:
        return ()
    last = _numbered(found, wish.baseline, "--baseline")
    return tuple(m for m in standing.pending if m.number <= last.number)


def _chosen(
    found: Sequence[Migration],
    standing: Standing,
    baseline: Sequence[Migration],
    reapplied: Migration | None,
    wish: Wish,
) -> tuple[Migration, ...]:
    wanted = {m.name for m in standing.pending} - {m.name for m in baseline}
    if reapplied:
        wanted.add(reapplied.name)
    if wish.only:
        only = _numbered(found, wish.only, "--only")
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
