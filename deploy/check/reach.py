"""What a file does beyond the database that it runs in, where a run on a copy would be felt by everybody else."""

from __future__ import annotations

import re

from deploy.check.splitter import line_and_column, skeleton, split

_SHARED = r"(?:user(?!\s+mapping)|role|group|database|tablespace|subscription)\b"
_SHARED_WORDS = re.compile(
    rf"\b(?:create|alter|drop|rename)\s+{_SHARED}"
    r"|\balter\s+system\b"
    r"|\b(?:drop|reassign)\s+owned\b"
    r"|\bon\s+(?:database|tablespace|parameter|role)\b"
    r"|\b(?:pg_(?:terminate_backend|cancel_backend|reload_conf|create_\w+_slot|drop_replication_slot|promote|switch_wal|file_\w+)"
    r"|dblink\w*|lo_export)\s*\(",
    re.IGNORECASE,
)
_GRANT = re.compile(r"\s*(?:grant|revoke)\b(?!.*\bon\b)", re.IGNORECASE | re.DOTALL)
_COPY_OUT = re.compile(r"\s*copy\b.*(?:\bto\s+(?!stdout\b)\S|\bprogram\b)", re.IGNORECASE | re.DOTALL)
_DO = re.compile(r"\s*do\b", re.IGNORECASE)
_OUTWARD = {"!", "c", "connect", "o", "out", "w", "write"}
_COPY_COMMAND = re.compile(r".*\bto\s+(?!stdout\b)\S|.*\bprogram\b", re.IGNORECASE | re.DOTALL)


def reach_of(text: str) -> str | None:
    r"""Return where a file reaches beyond its database, as people read it, or None.

    Roles, databases, tablespaces and the server's settings are shared by every database of a server; a file or a program
    is outside of all of them. What a DO block says in strings counts too; what a function would do when it is called does not, nor
    what goes through a foreign table. A false alarm costs a rehearsal, no more.

    Args:
        text: a file's text.
    """
    text = text.removeprefix("\ufeff")
    script = split(text)
    found = [
        (statement.start, " ".join(statement.text.split())[:60])
        for statement in script.statements
        if _reaches_out(statement.sql)
    ]
    found += [
        (command.start, f"\\{command.name} {command.argument_text}".strip()[:60])
        for command in script.commands
        if _is_outward(command.name, command.argument_text)
    ]
    if not found:
        return None
    offset, shown = min(found)
    return f"line {line_and_column(text, offset)[0]}: {shown}"


def _reaches_out(sql: str) -> bool:
    if _DO.match(sql):
        return bool(_SHARED_WORDS.search(sql))
    words = skeleton(sql)
    if re.match(r"\s*(?:create|alter)\s+(?:or\s+replace\s+)?(?:function|procedure|view)\b", words, re.IGNORECASE):
        return False
    return bool(_SHARED_WORDS.search(words) or _GRANT.match(words) or _COPY_OUT.match(words))


def _is_outward(name: str, arguments: str) -> bool:
    if name == "copy":
        return bool(_COPY_COMMAND.match(arguments))
    return name in _OUTWARD and bool(arguments.strip() or name == "!")
