"""Read migrations/ offline: our own rules, and squawk's where it is installed."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.check.files import Checked, Source, check_files
from deploy.check.squawk import findings_of, merged
from deploy.model.errors import DeployError, MigrationInvalid, MigrationsNotFound, UsageError
from deploy.server.local import LocalShell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deploy.check.catalogue import Finding

FORMATS = ("text", "github", "sarif")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What `fab check` found; `texts` has each file's text by the path that findings name."""

    checked: Checked
    texts: Mapping[str, str]
    squawk: bool
    error: DeployError | None


def check(directory: str, *, base: str = "", strict: bool = False) -> CheckResult:
    """Check the files of a migrations directory.

    Args:
        directory: as the settings have it.
        base: a git ref; only files that it doesn't have are looked at.
        strict: warnings count as errors.

    Raises:
        MigrationsNotFound: there is no such directory.
        UsageError: git doesn't know the ref.
    """
    sources = _sources(Path(directory))
    others = _names_at(base, directory) if base else []
    chosen = [source for source in sources if source.name not in others]
    checked = check_files(chosen, [*others, *(source.name for source in sources)])
    in_directory = replace(
        checked,
        findings=_with_paths(directory, checked.findings),
        silenced=_with_paths(directory, checked.silenced),
    )
    texts = {
        str(Path(directory, source.name)): source.content.decode("utf-8-sig", errors="replace")
        for source in chosen
        if source.content is not None
    }
    squawk = _squawk()
    if squawk and texts:
        found = merged(in_directory, _ask(squawk, texts), texts)
        found.sort(key=lambda finding: (finding.file, finding.line, finding.column, finding.id))
        in_directory = replace(in_directory, findings=tuple(found))
    return CheckResult(in_directory, texts, squawk is not None, _verdict(in_directory.findings, strict=strict))


def _sources(directory: Path) -> list[Source]:
    """Read what is, or claims to be, a migration: other files are the deploy's to copy."""
    if not directory.is_dir():
        raise MigrationsNotFound(
            f"there is no directory {directory}/ in {Path.cwd()}",
            hint="Run fab where fabfile.py and migrations/ stand, or set migrations_dir.",
        )
    try:
        return [
            Source(entry.name, entry.read_bytes() if stat.S_ISREG(entry.lstat().st_mode) else None)
            for entry in sorted(directory.iterdir())
            if entry.name.lower().endswith(".sql") and not entry.name.startswith(".")
        ]
    except OSError as error:
        raise MigrationsNotFound(
            f"{error.filename} can't be read: {error.strerror}", hint="Mend the file's permissions."
        ) from error


def _names_at(base: str, directory: str) -> list[str]:
    """Return the names of the files that a git ref has in the directory."""
    listed = LocalShell().run(["git", "-C", directory, "ls-tree", "-z", "--name-only", "--end-of-options", base])
    if listed.status != 0:
        said = listed.stderr.decode(errors="replace").strip().splitlines()
        raise UsageError(
            f"--base={base} can't be read: {said[-1] if said else 'git said nothing'}",
            hint="Name a branch, tag or commit that is here; in CI, fetch it first: git fetch origin main, --base=origin/main",
        )
    return [name.decode(errors="surrogateescape") for name in listed.stdout.split(b"\0") if name]


def _with_paths(directory: str, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(replace(finding, file=str(Path(directory, finding.file))) for finding in findings)


def _squawk() -> str | None:
    """Find squawk beside this Python or on the PATH."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return shutil.which("squawk", path=places)


def _ask(squawk: str, texts: Mapping[str, str]) -> list[Finding]:
    """Run squawk; it never makes the check fail."""
    try:
        said = LocalShell().run([squawk, "--reporter", "json", "--assume-in-transaction", "--", *texts])
    except DeployError:
        return []
    return findings_of(said.stdout.decode(errors="replace"), texts)


def _verdict(findings: Sequence[Finding], *, strict: bool) -> DeployError | None:
    counted = {"error", "warning"} if strict else {"error"}
    bad = [finding for finding in findings if finding.severity in counted]
    if not bad:
        return None
    first = bad[0]
    files = {finding.file for finding in bad}
    return MigrationInvalid(
        f"{len(bad)} finding{'s' if len(bad) > 1 else ''} in {len(files)} file{'s' if len(files) > 1 else ''} "
        f"{'stop' if len(bad) > 1 else 'stops'} a deploy"
        if not strict
        else f"{len(bad)} finding{'s' if len(bad) > 1 else ''} in {len(files)} file{'s' if len(files) > 1 else ''}",
        hint=f"Mend them, beginning with {first.file}:{first.line}:{first.column}; docs/findings.md explains each.",
    )
