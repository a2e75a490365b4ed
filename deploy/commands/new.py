"""Write the next migration, or give one of two with the same number the next free one."""

from __future__ import annotations

from datetime import datetime
from importlib import resources
from pathlib import Path

from deploy.model.errors import MigrationsNotFound, UsageError
from deploy.plan.numbering import name_for, renumbered
from deploy.server.local import LocalShell


def new(directory: str, description: str) -> Path:
    """Write a migration from the template, and return where.

    Raises:
        MigrationsNotFound: there is no such directory.
        UsageError: the description makes no name, or the file is there already.
    """
    path = Path(directory, name_for(description, _names(directory)))
    title = " ".join("".join(char if char.isprintable() else " " for char in description).split())
    text = resources.files("deploy.commands").joinpath("template.sql").read_text("utf-8")
    for mark, value in {
        "@DATE@": datetime.now().astimezone().date().isoformat(),
        "@NUMBER@": path.name.partition("_")[0],
        "@QUOTED@": title.replace("'", "''"),
        "@TITLE@": title[:1].upper() + title[1:],
    }.items():
        text = text.replace(mark, value)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already", hint="Give the migration another description.") from None
    except OSError as error:
        raise MigrationsNotFound(f"{path} can't be written: {error.strerror}", hint="Mend the permissions.") from error
    return path


def renumber(directory: str, typed: str) -> tuple[Path, Path]:
    """Give a migration the next free number, with git where git tracks it; return what it was and what it is.

    Raises:
        MigrationsNotFound: there is no such directory.
        UsageError: it isn't a migration of that directory, or can't be renamed.
    """
    name = Path(typed).name
    names = _names(directory)
    old = Path(directory, name)
    if name not in names or (typed != name and Path(typed).resolve() != old.resolve()):
        raise UsageError(
            f"{typed} isn't in {directory}/",
            hint=f"Name a file of it, such as {directory}/{names[-1] if names else '001_x.sql'}",
        )
    path = Path(directory, renumbered(name, names))
    shell = LocalShell()
    if shell.run(["git", "-C", directory, "ls-files", "--error-unmatch", "--", name]).status == 0:
        moved = shell.run(["git", "-C", directory, "mv", "--", name, path.name])
        if moved.status != 0:
            raise UsageError(
                f"git can't rename {old}: {moved.stderr.decode(errors='replace').strip()}", hint="Rename it by hand."
            )
    else:
        try:
            old.rename(path)
        except OSError as error:
            raise UsageError(f"{old} can't be renamed: {error.strerror}", hint="Mend the permissions.") from error
    return old, path


def _names(directory: str) -> list[str]:
    if not Path(directory).is_dir():
        raise MigrationsNotFound(
            f"there is no directory {directory}/ in {Path.cwd()}",
            hint="Run fab where fabfile.py stands, make the directory, or set migrations_dir.",
        )
    return sorted(entry.name for entry in Path(directory).iterdir())
