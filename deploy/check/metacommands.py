"""What psql's backslash commands do beyond SQL: run programs, leave the database, look away from errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.check.splitter import MetaCommand

__all__ = ["copied_into", "findings_of_command"]

_QUERY = re.compile(r"\s*\(.*\)", re.DOTALL)
_PROGRAM = re.compile(r"\bprogram\s*'", re.IGNORECASE)
_COPY_IN = re.compile(r"\s*([\w.\"]+)[^;]*?\bfrom\b", re.IGNORECASE)
_COPY_FILE = re.compile(r"\b(?:from|to)\s+(?!p?std(?:in|out)\b)[^\s(]", re.IGNORECASE)
_OFF = r"'?(?:off?|f|fa|fal|fals|false|no?|0)'?\s*$"
_IGNORES_ERRORS = re.compile(rf"unset ON_ERROR_STOP\b|set ON_ERROR_STOP(?:\s*$|\s+{_OFF})", re.IGNORECASE)
_AUTOCOMMIT_OFF = re.compile(rf"set AUTOCOMMIT\s+{_OFF}", re.IGNORECASE)
_ENDS_BY_ITSELF = re.compile(r"\bc(?:ount)?=|\bm(?:in_rows)?=")
_PIPES = frozenset({"g", "gx", "o", "out", "w", "write"})
_FILES = _PIPES | {"cd", "lo_export", "lo_import", "s"}
_ALWAYS = {
    **dict.fromkeys(("i", "include", "ir", "include_relative"), ("includes-file", "runs another file")),
    **dict.fromkeys(("prompt", "password", "e", "edit", "ef", "ev"), ("needs-terminal", "asks for an answer")),
    "!": ("runs-program", "runs a program"),
    "gexec": ("runs-built-sql", "runs what the query gives back"),
}
# psql 18's commands but for those that describe, which are many
_COMMANDS = re.compile(
    r"|[!?aCcdefgHhilopqrstTwxz;:]|d[A-Za-z]*[S+x]*|z[S+]*|bind|bind_named|cd|close_prepared|conninfo|connect|copy|copyright"
    r"|crosstabview|echo|edit|ef|elif|else|encoding|endif|endpipeline|errverbose|ev|flush|flushrequest|gdesc|getenv|getresults|gexec"
    r"|gset|gx|help|html|if|include|include_relative|ir|l[+x]*|list[+x]*|lo_export|lo_import|lo_list\+?|lo_unlink|out|parse|password"
    r"|print|prompt|pset|qecho|quit|reset|restrict|sendpipeline|set|setenv|s[fv]\+?|startpipeline|syncpipeline|timing|unrestrict|unset"
    r"|warn|watch|write"
)


def findings_of_command(command: MetaCommand, *, in_branch: bool) -> Iterator[tuple[str, str, str]]:
    r"""Give the id, the words and, where it isn't the rule's own, the severity of what a command does.

    One that stands in an `\if`, `in_branch`, may not be run.
    """
    name, argument = command.name, command.argument_text
    shown = f"\\{name}"
    if not _COMMANDS.fullmatch(name):
        yield "unknown-command", f"psql has no command {shown}", "warning" if in_branch else ""
    elif (name in _PIPES and argument.startswith("|")) or (name != "!" and "`" in argument):
        yield "runs-program", f"{shown} runs a program", ""
    elif name in _ALWAYS:
        identity, does = _ALWAYS[name]
        yield identity, f"{shown} {does}", ""
    elif name == "copy":
        yield from _findings_of_copy(_QUERY.sub("", argument, count=1))
    elif name in _FILES and argument and not argument.startswith("("):
        yield "uses-file", f"{shown} {argument.split()[0]}", ""
    elif name == "watch" and not _ENDS_BY_ITSELF.search(argument):
        yield "repeats-forever", rf"{shown} repeats the query without end", ""
    elif name in {"c", "connect"} and in_branch:
        yield "changes-database", f"{shown} may leave the deploy's session", "warning"
    elif _AUTOCOMMIT_OFF.match(f"{name} {argument}"):
        yield "autocommit-off", f"{shown} {argument}", ""
    elif _IGNORES_ERRORS.match(f"{name} {argument}"):
        yield "ignores-errors", f"{shown} {argument} makes psql go on after an error", ""


def _findings_of_copy(argument: str) -> Iterator[tuple[str, str, str]]:
    if _PROGRAM.search(argument):
        yield "runs-program", r"\copy … program runs a program", ""
    elif _COPY_FILE.search(argument):
        yield "uses-file", r"\copy from or to a file", ""


def copied_into(command: MetaCommand) -> tuple[str, ...]:
    r"""Return the name of the table that a `\copy` fills."""
    found = _COPY_IN.match(command.argument_text) if command.name == "copy" else None
    return tuple(found[1].replace('"', "").split(".")) if found else ()
