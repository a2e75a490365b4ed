r"""Which psql variables a file can rely on: the runner gives none, so those that the file sets itself and psql's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.check.splitter import Script, Statement

__all__ = ["Variables", "as_sent", "may_be_anything"]

_OWN = frozenset(
    {
        "AUTOCOMMIT",
        "COMP_KEYWORD_CASE",
        "DBNAME",
        "ECHO",
        "ECHO_HIDDEN",
        "ENCODING",
        "ERROR",
        "FETCH_COUNT",
        "HIDE_TABLEAM",
    }
    | {
        "HIDE_TOAST_COMPRESSION",
        "HISTCONTROL",
        "HISTFILE",
        "HISTSIZE",
        "HOST",
        "IGNOREEOF",
        "LASTOID",
        "LAST_ERROR_MESSAGE",
    }
    | {"LAST_ERROR_SQLSTATE", "ON_ERROR_ROLLBACK", "ON_ERROR_STOP", "PIPELINE_COMMAND_COUNT", "PIPELINE_RESULT_COUNT"}
    | {"PIPELINE_SYNC_COUNT", "PORT", "PROMPT1", "PROMPT2", "PROMPT3", "QUIET", "ROW_COUNT", "SERVER_VERSION_NAME"}
    | {
        "SERVER_VERSION_NUM",
        "SERVICE",
        "SHELL_ERROR",
        "SHELL_EXIT_CODE",
        "SHOW_ALL_RESULTS",
        "SHOW_CONTEXT",
        "SINGLELINE",
    }
    | {"SINGLESTEP", "SQLSTATE", "USER", "VERBOSITY", "VERSION", "VERSION_NAME", "VERSION_NUM", "WATCH_INTERVAL"}
    | {"apply_key"}
)
"""Source: psql's manual, "Variables", version 18; `apply_key` is the runner's."""

_SET_WHAT_IS_NAMED = {"set": 0, "getenv": 0, "prompt": -1}
_SET_ANYTHING = frozenset({"gset", "i", "include", "include_relative", "ir"})


class Variables:
    """Where a file sets which variable first."""

    def __init__(self, script: Script) -> None:
        self._set_at: dict[str, int] = {}
        self._any_from = float("inf")
        for command in script.commands:
            if command.name in _SET_ANYTHING:
                self._any_from = min(self._any_from, command.start)
            elif command.name in _SET_WHAT_IS_NAMED:
                for name in command.argument_text.split()[_SET_WHAT_IS_NAMED[command.name] :][:1]:
                    self._set_at.setdefault(name, command.start)

    def unset_in(self, statement: Statement) -> list[tuple[int, str]]:
        """Return the variables of a statement that have no value for certain: psql sends their names to the server."""
        if self._any_from < statement.start:
            return []
        return [(offset, text) for offset, text in statement.variables if self._is_unset(text, statement.start)]

    def _is_unset(self, text: str, offset: int) -> bool:
        name = text.strip(":'\"")
        return text[1] != "{" and name not in _OWN and self._set_at.get(name, offset) >= offset


def as_sent(statement: Statement, unset: list[tuple[int, str]]) -> str:
    """Return a statement's SQL with the names of variables that have no value."""
    sql = statement.sql
    for offset, text in unset:
        sql = sql[:offset] + text + sql[offset + len(text) :]
    return sql


def may_be_anything(statement: Statement) -> bool:
    """Tell whether a statement has variables that aren't put into quotes, so that nobody knows how it reads."""
    return any(text[1] not in "'\"{" for _, text in statement.variables)
