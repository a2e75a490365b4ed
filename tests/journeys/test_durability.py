"""What a deploy has told as applied is there after the power was gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.server import ServerUnderTest


def test_a_power_cut_after_a_deploy_takes_nothing_of_it(server: ServerUnderTest) -> None:
    """The commits of single files wait for no disk; this server writes none by itself for as long as the test lasts."""
    with server.fresh(private=True, settings={"wal_writer_delay": "10s", "fsync": "on"}) as site:
        site.write_migration("001_one.sql", "CREATE TABLE one (id int);")
        site.write_migration("002_two.sql", "INSERT INTO one VALUES (2);")
        site.fab("deploy", check=0)
        site.kill()
        site.start()
        assert site.psql("SELECT id FROM one") == "2"
        assert site.psql("SELECT count(*) FROM deploy.migrations WHERE finished_at IS NOT NULL") == "2"
