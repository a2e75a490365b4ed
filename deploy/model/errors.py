"""Every way in which this tool stops: one class, one exit status that never changes, one hint.

A message is lower case without a full stop, a hint is a sentence that says what to do.
Families: 10s settings and usage, 20s migrations, 30s database, 40s backups, 50s server and lock, 60s connection and host key.
"""

from __future__ import annotations


class DeployError(Exception):
    """Something that the operator should know, in two lines.

    Args:
        message: what happened.
        hint: what to do about it.
        details: further lines that are shown between the two, as given (a psql error with its caret, a list of candidates).

    Attributes:
        host: which of several servers it is about, as -H names it; None until somebody says so.
        outcome: what became of the command in one word of the contract: `refused` where nothing was begun, `failed` where a job was,
            `unknown` where nobody saw its end.
    """

    status = 1
    host: str | None = None
    outcome = "refused"

    def __init__(self, message: str, *, hint: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details


# 10s: settings and usage


class UsageError(DeployError):
    """A flag has a value that can't be meant."""

    status = 10


class SettingsInvalid(DeployError):
    """One or more settings are unknown or have a bad value; all are named at once."""

    status = 11


class NotConfirmed(DeployError):
    """The question was not answered with `yes`."""

    status = 12


class NoTerminal(DeployError):
    """There is a question to ask, nobody to ask, and no `--yes`."""

    status = 13


class HostNeeded(DeployError):
    """`-H` is there but empty, as an unset secret in CI leaves it; running locally instead would be a disaster."""

    status = 14


# 20s: migrations


class MigrationsNotFound(DeployError):
    """The migrations directory is missing, unreadable or has no migration in it."""

    status = 20


class MigrationEdited(DeployError):
    """A migration file differs from the one that was applied."""

    status = 21


class MigrationMissing(DeployError):
    """The ledger has a migration that the directory lacks."""

    status = 22


class MigrationLate(DeployError):
    """A pending migration has a lower number than one that is applied."""

    status = 23


class MigrationDuplicate(DeployError):
    """Two files have the same number."""

    status = 24


class MigrationMisnamed(DeployError):
    """A name doesn't fit `NNN_description.sql`, or it isn't a regular file."""

    status = 25


class MigrationUnreadable(DeployError):
    """A file is not text: not UTF-8 without its own client_encoding, or it has a NUL byte."""

    status = 26


class MigrationInvalid(DeployError):
    """A file can be told to fail, or to escape its transaction, before it is run."""

    status = 27


class MigrationFailed(DeployError):
    """A statement of a migration failed, here or on the copy it was rehearsed on; the message says what state the database is in."""

    status = 28


class MigrationUnfinished(DeployError):
    """A migration that runs outside a transaction stopped half-way."""

    status = 29


# 30s: database


class DatabaseUnreachable(DeployError):
    """psql can't connect: wrong database, wrong user, server down or starting."""

    status = 30


class DatabaseStandby(DeployError):
    """The server is a standby (in recovery), which can't be written to."""

    status = 31


class DatabaseBusy(DeployError):
    """A lock wasn't had within lock_timeout and all retries; the blocker is named."""

    status = 32


class DatabaseChanged(DeployError):
    """The ledger isn't any more what the plan was made from."""

    status = 33


class DatabaseFenced(DeployError):
    """The database takes no connections: a rollback was cut off in the middle of its swap."""

    status = 34


class DatabaseTooOld(DeployError):
    """PostgreSQL or its client tools are older than this tool supports."""

    status = 35


class DatabaseLost(DeployError):
    """The database's connection broke while a migration ran."""

    status = 36


class DatabaseRightsLacking(DeployError):
    """The database user may not do what the command needs."""

    status = 37


class ExtensionLacking(DeployError):
    """The server doesn't offer an extension that a pending migration requires."""

    status = 38


class SchemaDrifted(DeployError):
    """The database's schema isn't what its migrations produce."""

    status = 39


# 40s: backups


class BackupFailed(DeployError):
    """pg_dump failed; nothing was applied."""

    status = 40


class BackupUnverified(DeployError):
    """A backup was taken but its content isn't what it must be; nothing was applied."""

    status = 41


class BackupNotFound(DeployError):
    """No backup has that name, or none was named; the candidates are listed."""

    status = 42


class BackupUnusable(DeployError):
    """The chosen file is truncated, damaged, no dump at all, or made by a newer version."""

    status = 43


class NoSpace(DeployError):
    """The server's disk can't take what the command needs."""

    status = 44


class RestoreFailed(DeployError):
    """The backup doesn't restore completely; the live database is untouched."""

    status = 45


class RollbackBlocked(DeployError):
    """Something in the server stands against the swap: a prepared transaction, a replication slot, a subscription."""

    status = 46


class SwapFailed(DeployError):
    """The databases could not be exchanged; the live one is as it was."""

    status = 48


class BackupStale(DeployError):
    """There is no verified backup as young as `--max-age` asks for: backups have stopped."""

    status = 47


class NothingReplaced(DeployError):
    """There is no replaced database to swap back or to drop."""

    status = 49


# 50s: server and lock


class ServerUnfit(DeployError):
    """The server lacks a program that the tool needs."""

    status = 50


class DockerUnusable(DeployError):
    """docker is missing, not running, or not allowed to this user."""

    status = 51


class ContainerDown(DeployError):
    """The container is missing, stopped, paused or restarting."""

    status = 52


class LockHeld(DeployError):
    """Another job is at work: who, since when, from where and at which step."""

    status = 53


class UploadDamaged(DeployError):
    """What arrived isn't what was sent; nothing was started."""

    status = 54


class JobDied(DeployError):
    """The job on the server was killed; its outcome was read from the ledger afterwards."""

    status = 55


class NoJob(DeployError):
    """There is no job to follow or to cancel."""

    status = 56


class JobCancelled(DeployError):
    """The job was stopped by `cancel`, at a safe point."""

    status = 57


class DirectoryUnusable(DeployError):
    """The remote directory is missing and can't be made, or can't be written."""

    status = 58


class OutcomeUnknown(DeployError):
    """The job's end was not seen, for the connection is gone or its session in the database outlived it: it may have worked."""

    status = 59
    outcome = "unknown"


# 60s: connection and host key


class ServerUnreachable(DeployError):
    """The name doesn't resolve, the port is closed, or nothing answers in time."""

    status = 60


class HostKeyUnknown(DeployError):
    """No known_hosts file has a key for the server."""

    status = 61


class HostKeyChanged(DeployError):
    """The server's key isn't the one in known_hosts, or is marked as revoked there."""

    status = 62


class LoginRefused(DeployError):
    """The server doesn't accept the user's keys, or a key can't be read."""

    status = 63


class ConnectionLost(DeployError):
    """The connection broke before anything had been started."""

    status = 64


class SshConfigInvalid(DeployError):
    """ssh itself refuses its configuration, or it asks for what can't be done."""

    status = 65


class ServerTalksNonsense(DeployError):
    """The server's answer isn't what our script prints: too long, cut, or not in the agreed form."""

    status = 66
