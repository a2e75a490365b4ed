"""Settings are either accepted, or refused by name and all at once."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.model.errors import SettingsInvalid
from deploy.model.settings import DEFAULTS, Settings, duration_ms, environment_of, settings_from

YAML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(sorted(DEFAULTS)) | st.text() | st.integers() | st.none()


def refusal(section: dict[Any, Any], variables: dict[str, str] | None = None, environment: str = "prod") -> str:
    with pytest.raises(SettingsInvalid) as refused:
        settings_from(section, variables or {}, environment)
    return refused.value.message


class TestSettings:
    def test_of_a_server_are_the_documented_defaults(self) -> None:
        assert settings_from({}, {}, "prod") == Settings(
            environment="prod",
            remote_dir="/opt/backtester",
            migrations_dir="migrations",
            container="backtester_postgres_prod",
            database="backtester",
            user="backtester",
            docker=("docker",),
            postgres_bin="",
            backup_format="sql.gz",
            keep_backups=10,
            keep_days=0,
            keep_replaced=7,
            rehearse="auto",
            rehearse_limit=10**9,
            drift_ignore=(),
            lock_timeout_ms=5000,
            statement_timeout_ms=0,
            ledger_schema="deploy",
            known_hosts=None,
        )

    def test_of_this_machine_mean_the_local_container(self) -> None:
        here = settings_from({}, {}, "local")
        assert (here.environment, here.remote_dir, here.container) == ("local", ".", "backtester_postgres")

    def test_are_overlaid_by_the_environment_and_that_by_the_variables(self) -> None:
        section = {
            "database": "everywhere",
            "user": "everywhere",
            "container": "everywhere",
            "environments": {"staging": {"user": "staging", "container": "staging", "hosts": ["db2"]}},
        }
        found = settings_from(section, {"FABRIC_DEPLOY_CONTAINER": "typed", "PATH": "/bin"}, "staging")
        assert (found.database, found.user, found.container) == ("everywhere", "staging", "typed")

    def test_take_nothing_from_another_environment(self) -> None:
        section = {"environments": {"staging": {"user": "staging"}, "prod": None}}
        assert settings_from(section, {}, "prod").user == "backtester"

    @pytest.mark.parametrize("empty", [None, ""])
    def test_with_an_empty_container_mean_postgres_on_the_server_itself(self, empty: str | None) -> None:
        assert settings_from({"container": empty}, {}, "prod").container == ""

    @pytest.mark.parametrize(("written", "meant"), [("/srv/app/", "/srv/app"), ("/", "/"), ("///", "/")])
    def test_give_a_path_without_the_slash_behind_it(self, written: str, meant: str) -> None:
        assert settings_from({"remote_dir": written}, {}, "prod").remote_dir == meant

    def test_split_the_docker_command_as_a_shell_would(self) -> None:
        found = settings_from({"docker": "sudo -n 'my docker'"}, {}, "prod")
        assert found.docker == ("sudo", "-n", "my docker")

    def test_count_an_empty_known_hosts_as_none(self) -> None:
        assert settings_from({"known_hosts": None}, {}, "prod").known_hosts is None
        assert settings_from({"known_hosts": "keys"}, {}, "prod").known_hosts == "keys"


class TestABadSetting:
    @pytest.mark.parametrize(
        ("key", "value", "words"),
        [
            ("database", "", "deploy.database must not be empty, not ''"),
            ("database", False, "deploy.database must be a text, not False"),
            ("database", None, "deploy.database must be a text, not None"),
            ("database", ["a"], "deploy.database must be a text, not ['a']"),
            ("database", "ä" * 32, "deploy.database must not be longer than 63 bytes, as PostgreSQL cuts it, not"),
            ("user", "a\nb", "deploy.user must be free of control characters, not 'a\\nb'"),
            ("user", "a\x7f", "deploy.user must be free of control characters, not 'a\\x7f'"),
            ("user", "a\udc80", "deploy.user must be valid Unicode, not 'a\\udc80'"),
            ("container", "a b", "deploy.container must be the name of a container, not 'a b'"),
            ("container", "--rm", "deploy.container must be the name of a container, not '--rm'"),
            ("remote_dir", "", "deploy.remote_dir must not be empty, not ''"),
            ("remote_dir", "here", "deploy.remote_dir must be an absolute path, not 'here'"),
            ("migrations_dir", 5, "deploy.migrations_dir must be a text, not 5"),
            ("docker", "sudo 'docker", "deploy.docker must be a command with balanced quotes, not"),
            ("docker", " ", "deploy.docker must not be empty, not ' '"),
            ("docker", "''", "deploy.docker must not be empty, not \"''\""),
            ("docker", True, "deploy.docker must be a text, not True"),
            ("docker", "a\x1b", "deploy.docker must be free of control characters, not 'a\\x1b'"),
            ("keep_backups", 0, "deploy.keep_backups must be a whole number above 0, not 0"),
            ("keep_backups", True, "deploy.keep_backups must be a whole number above 0, not True"),
            ("keep_backups", "false", "deploy.keep_backups must be a whole number above 0, not 'false'"),
            ("backup_format", "zip", "deploy.backup_format must be one of sql.gz, sql.zst, custom, not 'zip'"),
            (
                "backup_format",
                ["sql.gz"],
                "deploy.backup_format must be one of sql.gz, sql.zst, custom, not ['sql.gz']",
            ),
            ("keep_days", -1, "deploy.keep_days must be a whole number of days, not -1"),
            ("keep_replaced", False, "deploy.keep_replaced must be a whole number of days, not False"),
            ("keep_backups", 2.5, "deploy.keep_backups must be a whole number above 0, not 2.5"),
            ("lock_timeout", False, "deploy.lock_timeout must be a duration such as 5s, 300ms or 10min, not False"),
            ("lock_timeout", "false", "deploy.lock_timeout must be a duration such as 5s, 300ms or 10min, not"),
            ("lock_timeout", "-5s", "deploy.lock_timeout must be a duration such as 5s, 300ms or 10min, not '-5s'"),
            ("statement_timeout", "600h", "deploy.statement_timeout must not be longer than 596h, as PostgreSQL"),
            ("postgres_bin", 5, "deploy.postgres_bin must be a text, not 5"),
            ("dry_run", "false", "deploy.dry_run is not a setting"),
            (5, "five", "deploy.5 is not a setting"),
            ("a\nb", "", "deploy.'a\\nb' is not a setting"),
        ],
    )
    def test_is_refused_by_name_with_what_it_must_be(self, key: object, value: object, words: str) -> None:
        assert refusal({key: value}).startswith(words)

    def test_is_shown_where_it_was_written(self) -> None:
        section = {"databse": "x", "environments": {"prod": {"keep_backups": 0, "colour": 1}}}
        variables = {"FABRIC_DEPLOY_LOCK_TIMEOUT": "soon", "FABRIC_DEPLOY_HOST": "db"}
        assert refusal(section, variables).split("; ") == [
            "deploy.databse is not a setting",
            "deploy.environments.prod.colour is not a setting",
            "FABRIC_DEPLOY_HOST is not a setting",
            "deploy.environments.prod.keep_backups must be a whole number above 0, not 0",
            "FABRIC_DEPLOY_LOCK_TIMEOUT must be a duration such as 5s, 300ms or 10min, not 'soon'",
        ]

    @pytest.mark.parametrize("environments", ["prod", ["prod"], 5])
    def test_may_be_the_list_of_environments_itself(self, environments: object) -> None:
        assert refusal({"environments": environments}).startswith("deploy.environments must have a section for each")

    @pytest.mark.parametrize("values", ["db1", ["db1"], 5])
    def test_may_be_an_environment_that_is_no_section(self, values: object) -> None:
        words = refusal({"environments": {"staging": values}})
        assert words.startswith("deploy.environments.staging must be a section of settings, not")

    @pytest.mark.parametrize("hosts", ["db1,db2", 5, {"db1": ""}, [5]])
    def test_may_be_a_list_of_hosts_that_is_none(self, hosts: object) -> None:
        """A text would have been searched for the host's name: db in "db2.example.com"."""
        section = {"environments": {"staging": {"hosts": hosts}}}
        assert environment_of("db", section) == "prod"
        assert refusal(section).startswith("deploy.environments.staging.hosts must be a list of names, not")

    @pytest.mark.parametrize("name", ["my_env", "", "a/b", "prod\n", 5])
    def test_may_be_an_environment_whose_name_no_backup_could_bear(self, name: object) -> None:
        words = refusal({"environments": {name: {}}})
        assert "must be named with letters, digits and dashes" in words

    @given(st.dictionaries(KEYS, YAML), st.dictionaries(st.sampled_from(sorted(DEFAULTS)).map(str.upper), st.text()))
    def test_is_never_met_with_another_error(self, section: dict[Any, Any], typed: dict[str, str]) -> None:
        try:
            settings_from(section, {f"FABRIC_DEPLOY_{name}": value for name, value in typed.items()}, "prod")
        except SettingsInvalid as refused:
            assert refused.message.isprintable()  # noqa: PT017 - whether it is raised is not the question

    @given(st.dictionaries(st.text(), YAML) | YAML, st.text())
    def test_of_an_environment_is_never_met_with_another_error(self, environments: object, host: str) -> None:
        section = {"environments": environments}
        try:
            settings_from(section, {}, environment_of(host, section))
        except SettingsInvalid as refused:
            assert refused.message.isprintable()  # noqa: PT017 - whether it is raised is not the question

    @given(
        st.sets(
            st.sampled_from(sorted(set(DEFAULTS) - {"known_hosts", "postgres_bin", "container", "drift_ignore"})),
            min_size=1,
        )
    )
    def test_is_named_together_with_all_others(self, bad: set[str]) -> None:
        words = refusal(dict.fromkeys(bad, ""))
        assert {name for name in DEFAULTS if f"deploy.{name} must " in words} == bad

    @given(st.sampled_from(sorted(DEFAULTS)), st.text())
    def test_is_either_refused_by_its_name_or_kept(self, key: str, value: str) -> None:
        try:
            settings_from({key: value}, {}, "prod")
        except SettingsInvalid as refused:
            assert refused.message.startswith(f"deploy.{key} must ")  # noqa: PT017 - it may also be accepted


class TestASize:
    @pytest.mark.parametrize(
        ("written", "count"), [("500 MB", 5 * 10**8), ("1GB", 10**9), (" 3 kB ", 3000), ("0 TB", 0)]
    )
    def test_is_written_with_its_unit(self, written: str, count: int) -> None:
        assert settings_from({"rehearse_limit": written}, {}, "prod").rehearse_limit == count

    @pytest.mark.parametrize("written", [5, "5", "1 gb", "-1 GB", "1.5 GB", True, None])
    def test_is_refused_without(self, written: object) -> None:
        assert "deploy.rehearse_limit must be a size such as 500 MB or 1 GB" in refusal({"rehearse_limit": written})


class TestPatterns:
    @pytest.mark.parametrize("written", ["a.b, TABLE c.d", ["a.b", " TABLE c.d "], "a.b,,TABLE c.d,"])
    def test_are_a_list_or_a_text_with_commas(self, written: object) -> None:
        assert settings_from({"drift_ignore": written}, {}, "prod").drift_ignore == ("a.b", "TABLE c.d")

    @pytest.mark.parametrize("written", [5, [5], {"a": "b"}])
    def test_are_refused_where_they_are_something_else(self, written: object) -> None:
        assert "deploy.drift_ignore must be a text" in refusal({"drift_ignore": written})


class TestADuration:
    @pytest.mark.parametrize(
        ("written", "ms"),
        [("300ms", 300), ("5s", 5000), ("10min", 600_000), ("2h", 7_200_000), (0, 0), ("0", 0), (" 7 s ", 7000)],
    )
    def test_is_read_as_postgresql_reads_it(self, written: object, ms: int) -> None:
        assert duration_ms(written) == ms

    @given(st.integers(0, 2**31 - 1))
    def test_without_a_unit_is_milliseconds_up_to_what_postgresql_can_hold(self, ms: int) -> None:
        assert duration_ms(ms) == duration_ms(f"{ms}ms") == ms

    def test_longer_than_that_is_refused(self) -> None:
        with pytest.raises(ValueError, match="596h"):
            duration_ms(2**31)


class TestTheEnvironment:
    SECTION: ClassVar = {"environments": {"staging": {"hosts": ["db1", "db2"]}, "empty": None, "prod-eu": {}}}

    @pytest.mark.parametrize(
        ("host", "environment"),
        [
            (None, "local"),
            ("db2", "staging"),
            ("staging", "staging"),
            ("prod-eu", "prod-eu"),
            ("prod", "prod"),
            ("db3", "prod"),
        ],
    )
    def test_is_named_by_the_host_or_lists_it(self, host: str | None, environment: str) -> None:
        assert environment_of(host, self.SECTION) == environment

    def test_of_any_server_is_prod_where_none_is_configured(self) -> None:
        assert environment_of("db1", {}) == environment_of("db1", {"environments": None}) == "prod"
