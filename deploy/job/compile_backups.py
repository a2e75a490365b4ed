"""Backups and ways back, compiled to jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deploy.job.build import BEGIN, Build
from deploy.model.job import Job, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.job.build import Setting
    from deploy.model.backup import Backup
    from deploy.plan.backup import BackupPlan
    from deploy.plan.rollback import RollbackPlan, UndoPlan

ANSWER_WITHIN_S = 600
"""How long a job waits for the operator's yes."""

ANY_LEDGER = "any"
"""What hold_database takes for a ledger that may look like anything."""


def compile_rollback(plan: RollbackPlan, at: Setting, *, assume_yes: bool) -> Job:
    """Compile a rollback; without `assume_yes` the job asks before the swap."""
    build = Build("rollback", at)
    steps = [
        BEGIN,
        Step("lock the database", ("hold_database", plan.ledger_fingerprint)),
        *(_in_place(plan, at) if plan.in_place else _beside(plan, at)),
    ]
    if plan.prune:
        steps.append(Step("prune backups", ("prune", *plan.prune)))
    decided = {
        "backup": plan.backup.name,
        "safety_backup": plan.safety,
        "replaced_database": None if plan.in_place else plan.replaced,
    }
    return build.job(steps, decided, migration_json=json.dumps(plan.last_applied), **_asking(assume_yes=assume_yes))


def compile_backup(plan: BackupPlan, at: Setting) -> Job:
    """Compile a backup on its own."""
    steps = [
        BEGIN,
        Step("lock the database", ("hold_database", ANY_LEDGER)),
        Step("back up", ("back_up", plan.name, "backup")),
    ]
    if plan.prune:
        steps.append(Step("prune backups", ("prune", *plan.prune)))
    return Build("backup", at).job(steps, {"backup": plan.name}, migration_json=json.dumps(plan.last_applied))


def compile_verify(backup: Backup, side: str, at: Setting) -> Job:
    """Compile the proof of a backup: restored into a scratch database, compared, checked, and dropped."""
    steps = [
        BEGIN,
        *_restoring(backup, side, at),
        Step("check what was restored", ("check_side",)),
        Step("drop the scratch database", ("drop_copy",)),
        Step("write the proof", ("prove", backup.name, backup.kind, backup.taken_at.strftime("%Y-%m-%dT%H:%M:%SZ"))),
    ]
    # a file that came without a manifest gets one, but which database it is of stays unknown
    origin = {} if backup.manifest else {"system": ""}
    return Build("verify", at).job(steps, {"backup": backup.name}, **origin)


def compile_undo(plan: UndoPlan, at: Setting, *, assume_yes: bool) -> Job:
    """Compile the way back from a rollback: the databases are exchanged again, nothing is restored."""
    steps = [
        BEGIN,
        Step("lock the database", ("hold_database", plan.ledger_fingerprint)),
        Step("open the replaced database", ("open_side", plan.source)),
        Step("show what changes", ("show_changes",)),
        Step("ask", ("confirm",)),
        Step("swap", ("swap", plan.replaced)),
    ]
    decided = {"source": plan.source, "replaced_database": plan.replaced}
    return Build("undo", at).job(steps, decided, **_asking(assume_yes=assume_yes))


def compile_forget(names: Sequence[str], at: Setting, *, assume_yes: bool) -> Job:
    """Compile the end of replaced databases."""
    steps = [BEGIN, Step("ask", ("confirm",)), Step("drop replaced databases", ("forget_replaced", *names))]
    return Build("forget", at).job(steps, {"forget": list(names)}, **_asking(assume_yes=assume_yes))


def _beside(plan: RollbackPlan, at: Setting) -> list[Step]:
    return [
        *_restoring(plan.backup, plan.side, at),
        Step("give it the live database's properties", ("dress_side",)),
        Step("show what changes", ("show_changes",)),
        Step("ask", ("confirm",)),
        Step("back up what is live", ("back_up", plan.safety, "pre_rollback")),
        Step("swap", ("swap", plan.replaced)),
    ]


def _in_place(plan: RollbackPlan, at: Setting) -> list[Step]:
    return [
        _checking(plan.backup, at),
        Step("show what changes", ("show_in_place_changes",)),
        Step("ask", ("confirm",)),
        Step("let nobody write", ("lock_in_place",)),
        Step("back up what is live", ("back_up", plan.safety, "pre_rollback")),
        Step("restore in place", ("restore_in_place",)),
    ]


def _checking(backup: Backup, at: Setting) -> Step:
    manifest_sum = backup.manifest.sha256 if backup.manifest else ""
    return Step("check the backup", ("check_backup", f"{at.remote_dir}/backups/{backup.name}", manifest_sum))


def _restoring(backup: Backup, side: str, at: Setting) -> list[Step]:
    return [
        _checking(backup, at),
        Step("create the side database", ("create_side", side)),
        Step("restore", ("restore_side",)),
        Step("compare", ("compare_side",)),
    ]


def _asking(*, assume_yes: bool) -> dict[str, object]:
    return {"assume_yes": "yes" if assume_yes else "no", "answer_within_s": ANSWER_WITHIN_S}


def compile_repair(at: Setting) -> Job:
    """Compile what takes away that which a killed server left."""
    return Build("repair", at).job([BEGIN, Step("repair the database", ("repair_database",))], {})
