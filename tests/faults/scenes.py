"""What somebody does while something goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults.pieces import Kind, write_pieces

if TYPE_CHECKING:
    import subprocess

    from tests.server import Site


@dataclass(frozen=True, slots=True)
class Scene:
    """A command, and where it starts from.

    Attributes:
        stage: of the ground.
        command: for `fab -H prod`, or by hand: for a shell in `remote_dir`.
        pending: what kinds of migrations wait to be applied.
        by_hand: no fab, but ssh alone.
    """

    name: str
    stage: str
    command: tuple[str, ...]
    pending: tuple[Kind, ...] = ()
    by_hand: bool = False

    @property
    def deploys(self) -> bool:
        return self.command[0] == "deploy"

    @property
    def exchanges(self) -> bool:
        """Does it put another database in the live one's place?"""
        return self.command[0] in {"rollback", "undo", "./restore-db.sh"}

    def prepare(self, site: Site) -> None:
        """Write what is to be applied."""
        last = len(list((site.project / "migrations").glob("*.sql")))
        write_pieces(site, enumerate(self.pending, start=last + 1))

    def begin(self, site: Site) -> subprocess.Popen[str]:
        """Start it, and return at once."""
        if not self.by_hand:
            return site.spawn(*self.command)
        words = [word if word != "BACKUP" else f"backups/{_oldest_backup(site)}" for word in self.command]
        return site.spawn_ssh(f"cd {site.remote_dir} && {' '.join(words)}")


def _oldest_backup(site: Site) -> str:
    names = [path.removeprefix("backups/") for path in site.remote_files() if path.startswith("backups/pre_deploy_")]
    return max(name for name in names if name.endswith(".sql.gz"))


REHEARSED = ("deploy", "--rehearse=auto")

SCENES = (
    Scene("first deploy", "fresh", REHEARSED, (Kind.PLAIN, Kind.UPDATE, Kind.BLOCK)),
    Scene("deploy of plain files", "deployed", REHEARSED, (Kind.PLAIN, Kind.PLAIN)),
    Scene("deploy of blocks", "deployed", ("deploy",), (Kind.BLOCK, Kind.BLOCK)),
    Scene("deploy of indexes", "deployed", ("deploy",), (Kind.INDEX, Kind.INDEX)),
    Scene("deploy of a big update", "deployed", ("deploy",), (Kind.UPDATE, Kind.UPDATE)),
    Scene("deploy of all kinds", "deployed", REHEARSED, (Kind.ALTER, Kind.INDEX, Kind.UPDATE, Kind.BLOCK)),
    Scene("rollback", "grown", ("rollback", "--backup=pre_deploy", "--yes")),
    Scene("rollback in place", "grown", ("rollback", "--backup=pre_deploy", "--yes", "--in-place")),
    Scene("undo", "rolled back", ("undo", "--yes")),
    Scene("backup", "deployed", ("backup",)),
    Scene("verify", "deployed", ("verify", "--backup=latest")),
    Scene("backup by hand", "deployed", ("./backup-db.sh", "prod", "--wait"), by_hand=True),
    Scene("restore by hand", "grown", ("./restore-db.sh", "BACKUP", "prod", "--yes"), by_hand=True),
)
