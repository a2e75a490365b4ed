"""The settings of one environment, checked as a whole before anything else happens."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from deploy.model.errors import SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_UNITS_MS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}
_UNITS_BYTES = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a deploy goes and how it behaves there; every value is checked.

    `docker` is an argv (`("sudo", "-n", "docker")`); `lock_timeout_ms` and `statement_timeout_ms` are milliseconds, 0 means none;
    an empty `container` means PostgreSQL on the server itself; `keep_days` and `keep_replaced` are days, 0 means that
    age doesn't matter; `rehearse_limit` is bytes.
    """

    environment: str
    remote_dir: str
    migrations_dir: str
    container: str
    database: str
    user: str
    docker: tuple[str, ...]
    postgres_bin: str
    backup_format: str
    keep_backups: int
    keep_days: int
    keep_replaced: int
    rehearse: str
    rehearse_limit: int
    drift_ignore: tuple[str, ...]
    lock_timeout_ms: int
    statement_timeout_ms: int
    ledger_schema: str
    known_hosts: str | None


DEFAULTS: Mapping[str, str] = {
    "remote_dir": "/opt/backtester",
    "migrations_dir": "migrations",
    "container": "backtester_postgres_prod",
    "database": "backtester",
    "user": "backtester",
    "docker": "docker",
    "postgres_bin": "",
    "backup_format": "sql.gz",
    "keep_backups": "10",
    "keep_days": "0",
    "keep_replaced": "7",
    "rehearse": "auto",
    "rehearse_limit": "1 GB",
    "drift_ignore": "",
    "lock_timeout": "5s",
    "statement_timeout": "0",
    "ledger_schema": "deploy",
    "known_hosts": "",
}
"""What a server has unless configured, as one would write it."""

SUFFIXES: Mapping[str, str] = {"sql.gz": ".sql.gz", "sql.zst": ".sql.zst", "custom": ".dump"}
"""The values of `backup_format`, and what the names of such backups end with."""

REHEARSE = ("auto", "always", "never")
"""The values of `rehearse`: `auto` is up to `rehearse_limit`."""

LOCAL_DEFAULTS: Mapping[str, str] = {"remote_dir": ".", "container": "backtester_postgres"}
"""What differs without `-H`."""


def environment_of(host: str | None, section: Mapping[str, Any]) -> str:
    """Return the name of the environment that a host belongs to.

    An environment is named by `-H` itself, or lists the host under `hosts`; any other server is `prod`, no host is `local`.
    """
    if host is None:
        return "local"
    environments = section.get("environments") or {}
    if not isinstance(environments, dict):
        return "prod"  # settings_from refuses it by name
    if host in environments:
        return host
    for name, values in environments.items():
        hosts = values.get("hosts") if isinstance(values, dict) else None
        if isinstance(hosts, list) and host in hosts:
            return str(name)
    return "prod"


def settings_from(section: Mapping[str, Any], variables: Mapping[str, str], environment: str) -> Settings:
    """Put defaults, the `deploy` section, its environment and FABRIC_DEPLOY_* variables together, the last one winning.

    Args:
        section: the `deploy` section of fabric.yml, as parsed.
        variables: the process's environment, raw: Fabric would read `false` as true.
        environment: as `environment_of` gives it.

    Raises:
        SettingsInvalid: names everything that is unknown or has a bad value.
    """
    environments = section.get("environments") or {}
    wrong = list(_wrong_environments(environments))
    own = environments.get(environment) if isinstance(environments, dict) else None
    layers: list[tuple[str, Mapping[str, Any]]] = [
        ("deploy.", {k: v for k, v in section.items() if k != "environments"}),
        (
            f"deploy.environments.{environment}.",
            {k: v for k, v in own.items() if k != "hosts"} if isinstance(own, dict) else {},
        ),
        (
            "FABRIC_DEPLOY_",
            {
                k.removeprefix("FABRIC_DEPLOY_").lower(): v
                for k, v in variables.items()
                if k.startswith("FABRIC_DEPLOY_")
            },
        ),
    ]
    merged: dict[str, tuple[str, Any]] = {k: (k, v) for k, v in DEFAULTS.items()}
    if environment == "local":
        merged |= {k: (k, v) for k, v in LOCAL_DEFAULTS.items()}
    for prefix, layer in layers:
        for key, value in layer.items():
            shown = prefix + (key.upper() if prefix == "FABRIC_DEPLOY_" else _shown(key))
            if key not in DEFAULTS:
                wrong.append(f"{shown} is not a setting")
            else:
                merged[key] = (shown, value)

    values: dict[str, Any] = {"environment": environment}
    for key, (shown, value) in merged.items():
        name, read = _READERS[key]
        try:
            values[name] = read(value)
        except ValueError as error:
            wrong.append(f"{shown} {error}, not {value!r}")
    if environment != "local" and not str(values.get("remote_dir", "/")).startswith("/"):
        wrong.append(f"{merged['remote_dir'][0]} must be an absolute path, not {merged['remote_dir'][1]!r}")
    if wrong:
        raise SettingsInvalid(
            "; ".join(wrong),
            hint="Mend fabric.yml or the environment variable; docs/settings.md lists every setting.",
        )
    return Settings(**values)


def _shown(key: object) -> str:
    return key if isinstance(key, str) and key.isprintable() else repr(key)


def _wrong_environments(environments: object) -> Iterator[str]:
    """Find what no environment can look like, in those that aren't asked for too: a host may be meant to be in one of them."""
    if not isinstance(environments, dict):
        yield f"deploy.environments must have a section for each, not {environments!r}"
        return
    for name, values in environments.items():
        shown = f"deploy.environments.{_shown(name)}"
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9-]+", name):
            yield f"{shown} must be named with letters, digits and dashes, as its backups are named after it"
        elif not isinstance(values, dict | None):
            yield f"{shown} must be a section of settings, not {values!r}"
        elif values and not _are_names(values.get("hosts") or []):
            yield f"{shown}.hosts must be a list of names, not {values['hosts']!r}"


def _are_names(hosts: object) -> bool:
    return isinstance(hosts, list) and all(isinstance(host, str) for host in hosts)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")  # noqa: TRY004 - one kind of error for every bad value
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in value):
        raise ValueError("must be free of control characters")
    if any(0xD800 <= ord(c) < 0xE000 for c in value):
        raise ValueError("must be valid Unicode")
    return value


def _name(value: object) -> str:
    text = _text(value)
    if not text:
        raise ValueError("must not be empty")
    if len(text.encode()) > 63:
        raise ValueError("must not be longer than 63 bytes, as PostgreSQL cuts it")
    return text


def _container(value: object) -> str:
    text = _text("" if value is None else value)
    if text and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", text):
        raise ValueError("must be the name of a container")
    return text


def _path(value: object) -> str:
    text = _text(value)
    if not text:
        raise ValueError("must not be empty")
    return text.rstrip("/") or "/"


def _optional_path(value: object) -> str:
    return _text("" if value is None else value)


def _words(value: object) -> tuple[str, ...]:
    text = _text(value)
    try:
        words = tuple(shlex.split(text))
    except ValueError:
        raise ValueError("must be a command with balanced quotes") from None
    if not words or not words[0]:
        raise ValueError("must not be empty")
    return words


def _count(value: object) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"[1-9][0-9]{0,5}", str(value)):
        raise ValueError("must be a whole number above 0")
    return int(str(value))


def _format(value: object) -> str:
    if not isinstance(value, str) or value not in SUFFIXES:
        raise ValueError(f"must be one of {', '.join(SUFFIXES)}")
    return value


def _days(value: object) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,5}", str(value)):
        raise ValueError("must be a whole number of days")
    return int(str(value))


def _rehearse(value: object) -> str:
    if not isinstance(value, str) or value not in REHEARSE:
        raise ValueError(f"must be one of {', '.join(REHEARSE)}")
    return value


def _patterns(value: object) -> tuple[str, ...]:
    found = value if isinstance(value, list) else _text("" if value is None else value).split(",")
    return tuple(pattern for pattern in (_text(each).strip() for each in found) if pattern)


def _size(value: object) -> int:
    match = re.fullmatch(r"\s*([0-9]{1,9})\s*(kB|MB|GB|TB)\s*", str(value))
    if not match:
        raise ValueError("must be a size such as 500 MB or 1 GB")
    return int(match[1]) * _UNITS_BYTES[match[2]]


def duration_ms(value: object) -> int:
    """Read `5s`, `300ms`, `10min`, `2h` or a bare number of milliseconds, as PostgreSQL does.

    Raises:
        ValueError: anything else.
    """
    match = re.fullmatch(r"\s*([0-9]{1,12})\s*(ms|s|min|h)?\s*", str(value))
    if isinstance(value, bool) or not match:
        raise ValueError("must be a duration such as 5s, 300ms or 10min")
    duration = int(match[1]) * _UNITS_MS[match[2] or "ms"]
    if duration >= 2**31:
        raise ValueError("must not be longer than 596h, as PostgreSQL can't count further")
    return duration


_READERS: Mapping[str, tuple[str, Callable[[object], Any]]] = {
    "remote_dir": ("remote_dir", _path),
    "migrations_dir": ("migrations_dir", _path),
    "container": ("container", _container),
    "database": ("database", _name),
    "user": ("user", _name),
    "docker": ("docker", _words),
    "postgres_bin": ("postgres_bin", _optional_path),
    "backup_format": ("backup_format", _format),
    "keep_backups": ("keep_backups", _count),
    "keep_days": ("keep_days", _days),
    "keep_replaced": ("keep_replaced", _days),
    "rehearse": ("rehearse", _rehearse),
    "rehearse_limit": ("rehearse_limit", _size),
    "drift_ignore": ("drift_ignore", _patterns),
    "lock_timeout": ("lock_timeout_ms", duration_ms),
    "statement_timeout": ("statement_timeout_ms", duration_ms),
    "ledger_schema": ("ledger_schema", _name),
    "known_hosts": ("known_hosts", lambda value: _optional_path(value) or None),
}

assert {name for name, _ in _READERS.values()} | {"environment"} == {f.name for f in fields(Settings)}  # noqa: S101 - a table that lost a row must not import
