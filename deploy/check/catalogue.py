"""Every finding that `fab check` knows: its id, which never changes, and what to say about it. docs/findings.md has a section for each."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CATALOGUE", "CATEGORIES", "Finding", "Rule"]

CATEGORIES = (
    "syntax",
    "transaction",
    "idempotency",
    "destructive",
    "lock",
    "metacommand",
    "naming",
    "encoding",
    "directive",
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of finding.

    Args:
        id: short, in kebab case, for `-- deploy: ignore ID reason`.
        severity: `error` is only what is certain to fail or to escape, and stops a deploy; `warning`; `info`.
        why: what happens, and for a lock: which one, and what it blocks.
        rewrite: what to write in its place.
    """

    id: str
    category: str
    severity: str
    why: str
    rewrite: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found in a file; line and column are counted from 1, the column in characters."""

    file: str
    line: int
    column: int
    id: str
    category: str
    severity: str
    message: str
    why: str = ""
    rewrite: str = ""


def _rules(category: str, severity: str, *rows: tuple[str, str, str]) -> list[Rule]:
    return [Rule(name, category, severity, why, rewrite) for name, why, rewrite in rows]


_SAFE_CREATE = "Look into the catalogue in a DO block before, catch duplicate_object there, or drop it IF EXISTS first."
_OUTSIDE = (
    "Give it a file of its own, without BEGIN and COMMIT; the deploy tells by itself that it has to run outside one."
)

CATALOGUE: dict[str, Rule] = {
    rule.id: rule
    for rule in [
        *_rules(
            "syntax",
            "error",
            (
                "syntax-error",
                "PostgreSQL's own grammar refuses it, so the deploy would stop here.",
                "Correct it; the place is where the grammar gave up, which may be behind the mistake.",
            ),
            (
                "never-ends",
                "psql takes the rest of the file as part of what was opened here.",
                "End it.",
            ),
            (
                "unbalanced-if",
                r"psql calls a file wrong that has an \if without \endif, or an \endif, \else or \elif without \if.",
                r"End every \if with an \endif in the same file.",
            ),
        ),
        *_rules(
            "transaction",
            "error",
            (
                "begin-without-commit",
                "psql rolls all of it back at the end of the file, and reports success.",
                "End the file with COMMIT, or leave BEGIN out: every file runs in a transaction anyway.",
            ),
            (
                "fails-in-transaction",
                "PostgreSQL refuses this statement in a transaction, in a DO block and in a function.",
                _OUTSIDE,
            ),
            (
                "unknown-savepoint",
                "PostgreSQL refuses it: no SAVEPOINT of that name stands before it in the same transaction.",
                "Set the SAVEPOINT first, or leave it out.",
            ),
            (
                "needs-transaction",
                "Outside a transaction PostgreSQL refuses it: its effect would be over with the statement.",
                "Put BEGIN before and COMMIT after what belongs together, or move what runs outside a transaction to another file.",
            ),
        ),
        *_rules(
            "transaction",
            "warning",
            (
                "commit-without-begin",
                "There is no transaction to end; the file is run outside of one, and isn't undone as a whole if it fails.",
                "Leave it out: every file runs in a transaction anyway.",
            ),
            (
                "nested-begin",
                "PostgreSQL has no nested transactions: the second BEGIN does nothing, and the first COMMIT ends both.",
                "Leave the inner BEGIN and COMMIT out, or use SAVEPOINT.",
            ),
            (
                "ends-in-rollback",
                "What the file did between BEGIN and this is undone, or left in doubt, and the file still counts as applied.",
                "End the transaction with COMMIT, or take it out.",
            ),
            (
                "breaks-atomicity",
                "The file has to run outside a transaction, so whatever comes before a failure stays done.",
                "Give it a file of its own, or say that you know by `-- deploy: no-transaction` in the first lines.",
            ),
            (
                "new-enum-value-used",
                "A value that ALTER TYPE adds can't be used before it is committed.",
                "Use it in the next file.",
            ),
            (
                "commit-in-do",
                "A DO block that ends transactions fails inside one, so the file is run outside, and isn't undone as a whole.",
                "Take the COMMIT out, or give the batch a file of its own that may be run again.",
            ),
            (
                "autocommit-off",
                "Where the file runs outside a transaction, psql begins one by itself, and what isn't committed at the end of the file is lost.",
                "Leave AUTOCOMMIT alone: every file runs in a transaction anyway.",
            ),
            (
                "commit-in-function",
                "A function can't end a transaction: it is created, and fails when it is called.",
                "Make it a PROCEDURE, and CALL it.",
            ),
        ),
        *_rules(
            "transaction",
            "info",
            (
                "runs-outside-transaction",
                "PostgreSQL refuses this statement in a transaction, so the deploy runs the file outside of one.",
                "Nothing, if the file may be run again; `-- deploy: no-transaction` in the first lines says that it is meant.",
            ),
        ),
        *_rules(
            "idempotency",
            "warning",
            (
                "create-table-not-idempotent",
                "The second run fails: the table exists.",
                "CREATE TABLE IF NOT EXISTS",
            ),
            (
                "create-index-not-idempotent",
                "The second run fails because the index exists, or builds another one where it has no name.",
                "CREATE INDEX IF NOT EXISTS name ON …",
            ),
            (
                "create-schema-not-idempotent",
                "The second run fails: the schema exists.",
                "CREATE SCHEMA IF NOT EXISTS",
            ),
            (
                "create-sequence-not-idempotent",
                "The second run fails: the sequence exists.",
                "CREATE SEQUENCE IF NOT EXISTS",
            ),
            (
                "create-view-not-idempotent",
                "The second run fails: the view exists.",
                "CREATE OR REPLACE VIEW, or DROP VIEW IF EXISTS before it.",
            ),
            (
                "create-materialized-view-not-idempotent",
                "The second run fails: the materialized view exists.",
                "CREATE MATERIALIZED VIEW IF NOT EXISTS",
            ),
            (
                "create-function-not-idempotent",
                "The second run fails: the function exists.",
                "CREATE OR REPLACE FUNCTION (or PROCEDURE)",
            ),
            (
                "create-trigger-not-idempotent",
                "The second run fails: the trigger exists.",
                "DROP TRIGGER IF EXISTS name ON table before it, or CREATE OR REPLACE TRIGGER from PostgreSQL 14 on.",
            ),
            (
                "create-type-not-idempotent",
                "The second run fails: the type exists, and CREATE TYPE knows no IF NOT EXISTS.",
                "DO $$ BEGIN CREATE TYPE …; EXCEPTION WHEN duplicate_object THEN NULL; END $$;",
            ),
            (
                "create-policy-not-idempotent",
                "The second run fails: the policy exists, and CREATE POLICY knows no IF NOT EXISTS.",
                "DROP POLICY IF EXISTS name ON table before it.",
            ),
            (
                "create-role-not-idempotent",
                "The second run fails: the role exists. Roles belong to the whole server, so another database may have made it.",
                "DO $$ BEGIN CREATE ROLE …; EXCEPTION WHEN duplicate_object THEN NULL; END $$;",
            ),
            (
                "create-extension-not-idempotent",
                "The second run fails: the extension exists.",
                "CREATE EXTENSION IF NOT EXISTS",
            ),
            (
                "create-not-idempotent",
                "The second run fails: the object exists.",
                _SAFE_CREATE,
            ),
            (
                "drop-not-idempotent",
                "The second run fails: the object is gone.",
                "DROP … IF EXISTS",
            ),
            (
                "add-column-not-idempotent",
                "The second run fails: the column exists.",
                "ALTER TABLE … ADD COLUMN IF NOT EXISTS",
            ),
            (
                "drop-column-not-idempotent",
                "The second run fails: the column is gone.",
                "ALTER TABLE … DROP COLUMN IF EXISTS",
            ),
            (
                "add-constraint-not-idempotent",
                "The second run fails because the constraint exists, or adds another one where it has no name.",
                "Look into pg_constraint in a DO block before, or DROP CONSTRAINT IF EXISTS in front of it.",
            ),
            (
                "drop-constraint-not-idempotent",
                "The second run fails: the constraint is gone.",
                "ALTER TABLE … DROP CONSTRAINT IF EXISTS",
            ),
            (
                "rename-not-idempotent",
                "The second run fails: the old name is gone.",
                "Look into the catalogue in a DO block before; for a table, ALTER TABLE IF EXISTS old RENAME TO new.",
            ),
            (
                "partition-not-idempotent",
                "The second run fails: the partition is attached, or detached, already.",
                "Look into pg_inherits in a DO block before.",
            ),
            (
                "add-enum-value-not-idempotent",
                "The second run fails: the value exists.",
                "ALTER TYPE … ADD VALUE IF NOT EXISTS",
            ),
            (
                "alter-not-idempotent",
                "The second run fails: what this changes is changed already.",
                "Look into the catalogue in a DO block before.",
            ),
            (
                "insert-not-idempotent",
                "The second run inserts the rows again, or fails because they are there.",
                "INSERT … ON CONFLICT DO NOTHING, or INSERT … SELECT … WHERE NOT EXISTS (…)",
            ),
            (
                "update-not-idempotent",
                "Each run changes the values again, as the new value is made from the old one.",
                "Keep out in WHERE what is changed already.",
            ),
            (
                "copy-not-idempotent",
                "The second run copies the rows in again, or fails because they are there.",
                "COPY into a temporary table, and INSERT … SELECT … ON CONFLICT DO NOTHING from there.",
            ),
        ),
        *_rules(
            "destructive",
            "warning",
            (
                "drop-table",
                "The table's rows are gone with it.",
                "Rename it away first, and drop it some releases later.",
            ),
            ("drop-schema", "Everything in the schema is gone with it.", "Drop the objects by name."),
            (
                "drop-sequence",
                "The sequence's position is gone with it: numbers may be given out again.",
                "Leave it, or create the new one with START WITH a higher number.",
            ),
            (
                "drop-materialized-view",
                "Its rows have to be computed again, and until then who reads it fails.",
                "Create the new one beside it, and rename both.",
            ),
            (
                "drop-type",
                "With CASCADE the columns of that type are gone too; without, it fails where it is used.",
                "Change the columns first, and drop it without CASCADE.",
            ),
            (
                "drop-extension",
                "With CASCADE the columns and indexes that use its types are gone too.",
                "Drop what uses it by name first, and the extension without CASCADE.",
            ),
            (
                "drop-database",
                "The whole database is gone; no transaction brings it back.",
                "Do it by hand, if at all.",
            ),
            (
                "drop-owned",
                "Every object of the role in this database is dropped.",
                "REASSIGN OWNED BY … TO … first, or drop the objects by name.",
            ),
            (
                "drop-column",
                "The column's values are gone, and code that is running still selects it.",
                "Stop using it in one release, and drop it in a later one.",
            ),
            ("truncate", "All rows are gone.", "DELETE … WHERE what is really to go."),
            ("delete-without-where", "All rows are gone.", "Say in WHERE which rows are to go."),
            (
                "update-without-where",
                "The values of all rows are overwritten, and every row stays locked until the transaction ends.",
                "Say in WHERE which rows are to change, such as `WHERE column IS NULL`; fill large tables in batches.",
            ),
            (
                "alter-column-type",
                "The new type may not hold what the old one did: values are rounded, cut, or stop the migration.",
                "Add a column of the new type, copy, check, and drop the old one in a later release.",
            ),
            (
                "rename-table",
                "Code that is running still uses the old name, and fails until it is replaced.",
                "Keep a view of the old name, CREATE VIEW old AS SELECT * FROM new, until nothing uses it.",
            ),
            (
                "rename-column",
                "Code that is running still uses the old name, and fails until it is replaced.",
                "Add the new column, write both, copy, and drop the old one in a later release.",
            ),
            (
                "rename-schema",
                "Code that is running still uses the old name, and fails until it is replaced.",
                "Create the new schema, and move one object after another.",
            ),
        ),
        *_rules(
            "lock",
            "warning",
            (
                "create-index-blocks-writes",
                "SHARE lock: INSERT, UPDATE and DELETE on the table wait until the index is built.",
                "CREATE INDEX CONCURRENTLY IF NOT EXISTS, in a file of its own.",
            ),
            (
                "drop-index-blocks",
                "ACCESS EXCLUSIVE lock on the table: it waits for all who use it, and all who come wait behind it.",
                "DROP INDEX CONCURRENTLY IF EXISTS, in a file of its own.",
            ),
            (
                "set-not-null-scans",
                "ACCESS EXCLUSIVE lock while the whole table is read: nobody reads or writes.",
                "ADD CONSTRAINT … CHECK (column IS NOT NULL) NOT VALID; VALIDATE CONSTRAINT in the next file; then SET NOT NULL reads nothing.",
            ),
            (
                "alter-column-type-rewrites",
                "ACCESS EXCLUSIVE lock while the table and all its indexes are written anew: nobody reads or writes.",
                "Add a column of the new type, fill it in batches, and exchange the two. From varchar to text nothing is rewritten: ignore it with that reason.",
            ),
            (
                "add-foreign-key-scans",
                "SHARE ROW EXCLUSIVE lock on both tables while every row is looked up: nobody writes to either.",
                "ADD CONSTRAINT … NOT VALID, and VALIDATE CONSTRAINT in the next file.",
            ),
            (
                "add-check-scans",
                "ACCESS EXCLUSIVE lock while the whole table is read: nobody reads or writes.",
                "ADD CONSTRAINT … NOT VALID, and VALIDATE CONSTRAINT in the next file.",
            ),
            (
                "add-unique-builds-index",
                "ACCESS EXCLUSIVE lock while the index is built: nobody reads or writes.",
                "CREATE UNIQUE INDEX CONCURRENTLY in a file of its own, and then ADD CONSTRAINT … USING INDEX.",
            ),
            (
                "add-exclusion-builds-index",
                "ACCESS EXCLUSIVE lock while the index is built: nobody reads or writes. No other way exists for EXCLUDE.",
                "Plan a time without load, or make a new table with the constraint and move the rows.",
            ),
            (
                "add-column-rewrites",
                "ACCESS EXCLUSIVE lock while the whole table is written anew, as each row gets a value of its own: nobody reads or writes.",
                "Add the column without it, set the default for new rows (ALTER COLUMN … SET DEFAULT), and fill the old ones in batches.",
            ),
            (
                "rewrites-table",
                "ACCESS EXCLUSIVE lock while the whole table is written anew: nobody reads or writes.",
                "Make a new table that way and move the rows, or plan a time without load.",
            ),
            (
                "vacuum-full",
                "ACCESS EXCLUSIVE lock while the whole table is written anew: nobody reads or writes.",
                "VACUUM, or pg_repack.",
            ),
            (
                "cluster",
                "ACCESS EXCLUSIVE lock while the whole table is written anew: nobody reads or writes.",
                "pg_repack, or a time without load.",
            ),
            (
                "reindex-blocks",
                "Nobody writes to the table, nor reads through the index, until it is built.",
                "REINDEX (CONCURRENTLY), in a file of its own.",
            ),
            (
                "refresh-blocks",
                "ACCESS EXCLUSIVE lock until it is computed: nobody reads the materialized view.",
                "REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index on it.",
            ),
            (
                "detach-partition-blocks",
                "ACCESS EXCLUSIVE lock on the partitioned table: it waits for all who use it, and all who come wait behind it.",
                "ALTER TABLE … DETACH PARTITION … CONCURRENTLY, in a file of its own (PostgreSQL 14 and newer).",
            ),
            (
                "add-column-not-null",
                "ACCESS EXCLUSIVE lock while the whole table is read, and it fails if there is a row: the new column has no value.",
                "Give it a DEFAULT in the same statement; or add it without NOT NULL, fill it, and follow set-not-null-scans.",
            ),
            (
                "lock-table",
                "The lock is held until the whole file is done.",
                "Leave it out; if it has to be, lock in a weaker mode, and last.",
            ),
        ),
        *_rules(
            "lock",
            "info",
            (
                "validates-under-lock",
                "The file is one transaction, so the lock of ADD CONSTRAINT … NOT VALID is held while VALIDATE CONSTRAINT reads the whole table.",
                "Move VALIDATE CONSTRAINT to the next file.",
            ),
        ),
        *_rules(
            "metacommand",
            "error",
            (
                "changes-database",
                "It would leave the session that holds the deploy's lock and writes the ledger.",
                "Take it out: the setting `database` says where migrations run.",
            ),
            ("quits-early", "What follows never runs.", "Take out the command, or what follows it."),
            ("repeats-forever", "psql runs the query again and again; the deploy never ends.", "Take it out."),
            (
                "unknown-command",
                "psql stops at a backslash command that it doesn't know.",
                r"Correct it; a backslash in SQL belongs into a string.",
            ),
        ),
        *_rules(
            "metacommand",
            "warning",
            (
                "runs-program",
                "A program runs where psql or the server does; nothing undoes what it did, and a rehearsal runs it too.",
                "Do it before or after the deploy.",
            ),
            (
                "includes-file",
                "The other file isn't part of the migration: it isn't there when psql looks for it, and it isn't checked.",
                "Put its text into this file.",
            ),
            (
                "uses-file",
                "psql runs on the server, often in a container: the file isn't part of the migration, isn't there, or stays there.",
                "COPY … FROM stdin with the rows in the migration, or INSERT.",
            ),
            (
                "ignores-errors",
                "psql goes on after a statement that failed.",
                "Leave ON_ERROR_STOP as it is, and make the statement one that doesn't fail.",
            ),
            (
                "needs-terminal",
                "It asks somebody who isn't there.",
                "Write the value into the file, or leave it to SQL.",
            ),
        ),
        *_rules(
            "metacommand",
            "info",
            (
                "runs-built-sql",
                r"\gexec runs what a query gives back, which nobody can check beforehand.",
                "A DO block with IF shows what may run.",
            ),
        ),
        *_rules(
            "naming",
            "error",
            (
                "bad-name",
                "The deploy refuses the directory, or never sees the file.",
                "NNN_description.sql, a regular file: three digits or more, an underscore, then letters, digits, dots, - and _.",
            ),
            (
                "duplicate-number",
                "Two files of one number have no order: two branches took the same.",
                "fab new --renumber FILE gives the newer of the two the next free number.",
            ),
        ),
        *_rules(
            "naming",
            "info",
            ("number-gap", "A number is left out: a file may have been forgotten.", "Nothing, if it is meant."),
        ),
        *_rules(
            "encoding",
            "error",
            (
                "not-utf8",
                "The server would read other characters, or refuse them.",
                r"Save it as UTF-8, or begin it with \encoding and what it is in, such as WIN1251.",
            ),
            ("nul-byte", "No PostgreSQL text can have it; UTF-16 is full of them.", "Save it as UTF-8 text."),
        ),
        *_rules(
            "encoding",
            "warning",
            (
                "byte-order-mark",
                "psql takes it away, most other tools don't: they see a syntax error in the first line.",
                "Save it as UTF-8 without byte-order mark.",
            ),
            (
                "carriage-returns",
                "They become part of function bodies and of texts over several lines, and git shows the file as changed.",
                "Save it with LF line ends; `*.sql text eol=lf` in .gitattributes keeps it so.",
            ),
            (
                "odd-character",
                "It came with a copy from a document or a chat; PostgreSQL takes it as a letter of a name.",
                "Write it anew: a plain space, ' or - in its place, and each name in one alphabet.",
            ),
            ("empty-file", "There is nothing to run in it, and it still takes a number.", "Write it, or remove it."),
        ),
        *_rules(
            "directive",
            "error",
            (
                "unknown-directive",
                "It does nothing, and whoever wrote it believes that it does.",
                "no-transaction, lock-timeout, statement-timeout, repeatable, requires-extension, allow or ignore.",
            ),
            (
                "malformed-directive",
                "It can't be read, so it does nothing.",
                "As docs/findings.md has it; `ignore` and `allow` take the id of a finding and a reason.",
            ),
            (
                "misplaced-directive",
                "It only counts before the first statement, on a line of its own.",
                "Move it to the first lines of the file.",
            ),
        ),
        *_rules(
            "directive",
            "warning",
            (
                "unused-ignore",
                "There is no such finding for it to silence, so it hides the next one that comes.",
                "Take it out.",
            ),
        ),
    ]
}
