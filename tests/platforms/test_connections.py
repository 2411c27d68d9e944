"""The connections file: what it may hold, where secrets come from, and what an operator reads when it is wrong."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from immuta_assets.platforms.connection import REREAD_PLAN, Connection
from immuta_assets.platforms.connections import ConnectionsError, load, load_names
from immuta_assets.platforms.embedded.connection import EmbeddedConnection
from immuta_assets.platforms.registry import PLATFORMS
from immuta_assets.platforms.snowflake.connection import SnowflakeConnection
from immuta_assets.platforms.unity_catalog.connection import UnityCatalogConnection

ENVIRONMENT = {"KEY": "-----BEGIN", "PASSPHRASE": "open sesame", "TOKEN": "dapi123", "SECRET": "s3cr3t", "EMPTY": ""}
CANARY = "hunter2-canary"

SNOWFLAKE = """
  - name: snowflake_prod
    kind: snowflake
    account: acme-prod
    user: IMMUTA_AUDIT
    role: IMMUTA_AUDIT
    warehouse: AUDIT_WH
    private_key: {env: KEY}
"""
DATABRICKS = """
  - name: uc_us
    kind: unity_catalog
    host: dbc-1234.cloud.databricks.com
    http_path: /sql/1.0/warehouses/abc
    token: {env: TOKEN}
"""
EMBEDDED = """
  - {name: demo, kind: embedded, platform: snowflake, path: history.duckdb}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "connections.yaml"


def read(path: Path, *entries: str) -> list[Connection]:
    path.write_text("connections:" + "".join(entries), encoding="utf-8")
    return load(path, ENVIRONMENT)


def problems(path: Path, *entries: str) -> list[str]:
    with pytest.raises(ConnectionsError) as caught:
        read(path, *entries)
    assert caught.value.__context__ is None or CANARY not in str(caught.value.__context__)
    lines = str(caught.value).split("\n")
    assert all(line.startswith(str(path)) and line.endswith(".") for line in lines)
    return [line.removeprefix(f"{path}: ").removesuffix(".") for line in lines]


def problem(path: Path, *entries: str) -> str:
    (only,) = problems(path, *entries)
    return only


def test_connections_come_in_the_order_of_the_file_with_secrets_from_the_environment(path: Path) -> None:
    snowflake, databricks, embedded = read(path, SNOWFLAKE, DATABRICKS, EMBEDDED)
    assert isinstance(snowflake, SnowflakeConnection)
    assert snowflake.private_key == SecretStr("-----BEGIN")
    assert (snowflake.token, snowflake.password, snowflake.objects) == (None, None, "direct")
    assert isinstance(databricks, UnityCatalogConnection)
    assert databricks.token == SecretStr("dapi123")
    assert databricks.workspaces == ()
    assert isinstance(embedded, EmbeddedConnection)
    assert embedded.path == path.parent / "history.duckdb"
    assert [connection.platform for connection in (snowflake, databricks, embedded)] == [
        PLATFORMS["SNOWFLAKE"],
        PLATFORMS["DATABRICKS"],
        PLATFORMS["SNOWFLAKE"],
    ]


def test_no_secret_shows_in_a_connection_or_its_json(path: Path) -> None:
    text = SNOWFLAKE + "    connect_options: {proxy_password: {env: SECRET}}\n"
    for connection in read(path, text, DATABRICKS):
        shown = f"{connection} {connection!r} {connection.model_dump_json()}"
        assert not any(value in shown for value in ENVIRONMENT.values() if value)


def test_a_file_may_hold_no_connections(path: Path) -> None:
    assert read(path, " []") == []


def test_the_default_plan_reads_an_hour_again_until_three_days_later(path: Path) -> None:
    (connection,) = read(path, EMBEDDED)
    assert connection.reread == REREAD_PLAN
    assert tuple(timedelta(minutes=minutes) for minutes in (5, 60, 120, 180, 360, 1440, 4320)) == REREAD_PLAN


def test_a_plan_is_a_list_of_durations(path: Path) -> None:
    (connection,) = read(path, DATABRICKS + "    reread: [5m, 1h30m, 72h]\n")
    assert connection.reread == (timedelta(minutes=5), timedelta(minutes=90), timedelta(hours=72))


@pytest.mark.parametrize(
    "plan",
    [
        "[]",
        "5m",
        "[5]",
        "[1:30]",
        "[0m]",
        "[2h, 1h]",
        "[1h, 60m]",
        "[-1h]",
        "['']",
        "[1.5h]",
        "[99999h]",
        "null",
        "[٣h]",
    ],
)
def test_another_plan_is_refused(path: Path, plan: str) -> None:
    assert problem(path, DATABRICKS + f"    reread: {plan}\n").endswith(
        "; allowed is an ascending list of durations after the end of an hour, such as [5m, 1h30m, 2d]"
    )


@pytest.mark.parametrize(
    "credential",
    [
        "private_key: {env: KEY}\n    private_key_passphrase: {env: PASSPHRASE}",
        "token: {env: TOKEN}",
        "password: {env: SECRET}",
    ],
)
def test_snowflake_takes_a_key_pair_or_oauth_or_a_password(path: Path, credential: str) -> None:
    (connection,) = read(path, SNOWFLAKE.replace("private_key: {env: KEY}", credential))
    assert credential.split(":", maxsplit=1)[0] in connection.model_fields_set


@pytest.mark.parametrize(
    ("credential", "message"),
    [
        ("objects: base", "no credential is there"),
        ("token: {env: TOKEN}\n    password: {env: SECRET}", "token and password is there"),
        ("private_key_passphrase: {env: PASSPHRASE}\n    token: {env: TOKEN}", "is there without private_key"),
    ],
)
def test_snowflake_takes_exactly_one_credential(path: Path, credential: str, message: str) -> None:
    assert message in problem(path, SNOWFLAKE.replace("private_key: {env: KEY}", credential))


def test_databricks_takes_a_service_principal(path: Path) -> None:
    principal = "client_id: 0a1b\n    client_secret: {env: SECRET}"
    (connection,) = read(path, DATABRICKS.replace("token: {env: TOKEN}", principal))
    assert isinstance(connection, UnityCatalogConnection)
    assert (connection.client_id, connection.client_secret) == ("0a1b", SecretStr("s3cr3t"))


@pytest.mark.parametrize(
    ("credential", "message"),
    [
        ("objects: base", "no credential is there"),
        ("client_id: 0a1b", "client_id and client_secret go together"),
        ("client_secret: {env: SECRET}", "client_id and client_secret go together"),
        (
            "token: {env: TOKEN}\n    client_id: a\n    client_secret: {env: SECRET}",
            "token and client_id is there; allowed is exactly one of token, or client_id and client_secret",
        ),
    ],
)
def test_databricks_takes_exactly_one_credential(path: Path, credential: str, message: str) -> None:
    assert message in problem(path, DATABRICKS.replace("token: {env: TOKEN}", credential))


@pytest.mark.parametrize(
    "value",
    [
        CANARY,
        f"{{env: '{CANARY}'}}",
        f"{{{CANARY}: 1}}",
        f"{{env: KEY, default: {CANARY}}}",
        f"[{CANARY}]",
        "",
        "{}",
        "1",
    ],
)
@pytest.mark.parametrize("key", ["password", "connect_options: {proxy_password", "connect_options: {token"])
def test_a_secret_that_is_no_reference_is_refused_without_showing_it(path: Path, key: str, value: str) -> None:
    line = f"    {key}: {value}{'}' if '{' in key else ''}\n"
    text = SNOWFLAKE.replace("    private_key: {env: KEY}\n", line)
    message = problem(path, text if "connect" not in key else SNOWFLAKE + line)
    assert "is not a reference (its value is not shown); allowed is {env: NAME of an environment variable}" in message
    assert CANARY not in message


def test_a_secret_may_lie_in_a_file_beside_the_connections(path: Path) -> None:
    path.with_name("token").write_text(f"{CANARY}\n", "utf-8")
    text = (
        DATABRICKS.replace("{env: TOKEN}", "{file: token}") + "    connect_options: {proxy_password: {file: token}}\n"
    )
    (connection,) = read(path, text)
    assert isinstance(connection, UnityCatalogConnection)
    assert connection.token is not None
    assert connection.token.get_secret_value() == connection.driver_options()["proxy_password"] == CANARY
    assert CANARY not in f"{connection!r} {connection.model_dump_json()}"


def test_a_file_that_holds_no_secret_is_named(path: Path) -> None:
    assert problem(path, DATABRICKS.replace("{env: TOKEN}", "{file: token}")) == (
        f"connection 'uc_us': token refers to the file {path.with_name('token')}, which is no file"
    )


@pytest.mark.parametrize("name", ["MISSING", "EMPTY"])
def test_a_missing_environment_variable_is_named(path: Path, name: str) -> None:
    assert problem(path, DATABRICKS.replace("TOKEN", name)) == (
        f"connection 'uc_us': token refers to the environment variable {name}, which is not set"
    )


def test_a_secret_under_a_misspelt_key_is_not_shown(path: Path) -> None:
    message = problem(path, SNOWFLAKE + f"    passwort: {CANARY}\n")
    assert message.startswith(
        "connection 'snowflake_prod': 'passwort' is no key of this kind; allowed are name, reread"
    )
    assert CANARY not in message


def test_text_that_is_no_yaml_is_not_shown(path: Path) -> None:
    path.write_text(f"connections:\n  - {{password: {CANARY}\n  ]")
    with pytest.raises(ConnectionsError, match="is not valid YAML in UTF-8 with every key once near line 3") as caught:
        load(path, ENVIRONMENT)
    assert CANARY not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "text",
    [
        "- !!int ''",
        "- 2020-13-45",
        "- !!timestamp x",
        "- {[1]: 2}",
        "[" * 5000,
        "\x00",
        "- !!python/name:os.system",
        "- &a [*b]",
    ],
)
def test_what_yaml_cannot_hold_here_is_one_sentence(path: Path, text: str) -> None:
    path.write_text(f"connections:\n{text}")
    with pytest.raises(ConnectionsError, match="is not valid YAML"):
        load(path, ENVIRONMENT)


def test_a_file_in_another_encoding_is_one_sentence(path: Path) -> None:
    path.write_bytes(b"connections: [] # \xff")
    with pytest.raises(ConnectionsError, match="is not valid YAML in UTF-8"):
        load(path, ENVIRONMENT)


def test_a_file_that_is_not_there_is_one_sentence(path: Path) -> None:
    with pytest.raises(ConnectionsError, match=r"connections.yaml cannot be read: No such file or directory\."):
        load(path, ENVIRONMENT)


def test_a_key_given_twice_is_refused(path: Path) -> None:
    path.write_text(f"connections:{SNOWFLAKE}    role: OTHER\n")
    with pytest.raises(ConnectionsError, match="with every key once near line 2"):
        load(path, ENVIRONMENT)


@pytest.mark.parametrize("text", ["", "[]", "connections:", "connections: {}", "connections: []\nmore: 1", "other: []"])
def test_the_file_holds_nothing_but_a_list_of_connections(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(ConnectionsError, match="must hold one key, connections, with a list of connections"):
        load(path, ENVIRONMENT)


def test_every_problem_of_every_connection_is_told_with_what_is_held_and_allowed(path: Path) -> None:
    wrong = (
        SNOWFLAKE.replace("role: IMMUTA_AUDIT", "warehouse: ''")
        .replace("warehouse: AUDIT_WH", "objects: base")
        .replace("account: acme-prod", "account: https://x")
    )
    assert problems(path, wrong, DATABRICKS.replace("kind: unity_catalog", "kind: redshift"), "\n  - text") == [
        "connection 'snowflake_prod': account is 'https://x'; allowed is an account identifier such as acme-prod",
        "connection 'snowflake_prod': role is missing; allowed is text: the name of a role",
        "connection 'snowflake_prod': warehouse is ''; allowed is text: the name of a warehouse",
        "connection 'uc_us': kind is 'redshift'; allowed is snowflake, unity_catalog, embedded",
        "connection number 3: is no mapping; allowed are keys with values",
    ]


def test_a_missing_kind_is_told(path: Path) -> None:
    assert (
        problem(path, "\n  - {}")
        == "connection number 1: kind is missing; allowed is snowflake, unity_catalog, embedded"
    )


@pytest.mark.parametrize("name", ["Sales", "1a", "_a", "a-b", "''", "'a b'", "é", '"a\\n"', "1", "null", "yes"])
def test_a_name_is_made_of_small_letters_digits_and_underscores(path: Path, name: str) -> None:
    assert "name is " in problem(path, EMBEDDED.replace("demo", name))


def test_a_long_value_is_cut(path: Path) -> None:
    assert f"name is '{'X' * 59}…';" in problem(path, EMBEDDED.replace("demo", "X" * 1000))


def test_two_connections_of_one_name_are_refused(path: Path) -> None:
    assert (
        problem(path, SNOWFLAKE, EMBEDDED.replace("demo", "snowflake_prod")) == "2 connections are named snowflake_prod"
    )


@pytest.mark.parametrize("workspaces", ["[]", "null", "'1'", "[1]", "[abc]"])
def test_workspaces_are_text_and_at_least_one(path: Path, workspaces: str) -> None:
    assert "workspaces is " in problem(path, DATABRICKS + f"    workspaces: {workspaces}\n")


def test_a_workspace_filter_is_kept(path: Path) -> None:
    (connection,) = read(path, DATABRICKS + '    workspaces: ["3841033049363283"]\n')
    assert isinstance(connection, UnityCatalogConnection)
    assert connection.workspaces == ("3841033049363283",)


@pytest.mark.parametrize("hosts", ["[]", "null", "{1: a.example}", '{"1": https://a.example}', '{"x": a.example}'])
def test_hosts_of_workspaces_are_names_by_id(path: Path, hosts: str) -> None:
    assert "workspace_hosts is " in problem(path, DATABRICKS + f"    workspace_hosts: {hosts}\n")


def test_hosts_of_workspaces_are_kept(path: Path) -> None:
    (connection,) = read(path, DATABRICKS + '    workspace_hosts: {"38410": dbc-2.cloud.databricks.com}\n')
    assert isinstance(connection, UnityCatalogConnection)
    assert connection.workspace_hosts == {"38410": "dbc-2.cloud.databricks.com"}


@pytest.mark.parametrize("host", ["https://dbc.cloud.databricks.com", "dbc/x", "''"])
def test_a_host_is_not_an_address(path: Path, host: str) -> None:
    assert "host is " in problem(path, DATABRICKS.replace("dbc-1234.cloud.databricks.com", host))


def test_connect_options_are_passed_to_the_driver(path: Path) -> None:
    options = "{host: localhost, port: 8080, ocsp_fail_open: true, validate_token: true, proxy_password: {env: SECRET}}"
    (connection,) = read(path, SNOWFLAKE + f"    connect_options: {options}\n")
    assert isinstance(connection, SnowflakeConnection)
    assert connection.driver_options() == {
        "host": "localhost",
        "port": 8080,
        "ocsp_fail_open": True,
        "validate_token": True,
        "proxy_password": "s3cr3t",
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("{role: X}", "connect_options holds role; such a key belongs to the connection itself"),
        ("[a]", "connect_options is no mapping"),
        ("{1: a}", "connect_options is no mapping"),
    ],
)
def test_other_connect_options_are_refused(path: Path, options: str, message: str) -> None:
    assert message in problem(path, SNOWFLAKE + f"    connect_options: {options}\n")


@pytest.mark.parametrize("file", ["s3://bucket/x", "~/x", "''", "1"])
def test_an_embedded_history_is_a_local_file(path: Path, file: str) -> None:
    assert "allowed is the path of a DuckDB file" in problem(path, EMBEDDED.replace("history.duckdb", file))


@pytest.mark.parametrize("platform", ["redshift", "null", "[snowflake]", "SNOWFLAKE_"])
def test_an_embedded_history_names_its_platform(path: Path, platform: str) -> None:
    message = problem(path, EMBEDDED.replace("platform: snowflake", f"platform: {platform}"))
    assert message.endswith("allowed is snowflake or databricks")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.just(CANARY) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["env", "a"]), inner, max_size=2),
    max_leaves=6,
)


@given(st.sampled_from(["private_key", "token", "password", "private_key_passphrase", "other"]), JUNK)
def test_whatever_a_secret_key_holds_it_is_never_shown(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object
) -> None:
    path = tmp_path_factory.mktemp("junk") / "connections.yaml"
    path.write_text(f"connections:{SNOWFLAKE.replace('private_key: {env: KEY}', f'{key}: {json.dumps(value)}')}")
    with pytest.raises(ConnectionsError) as caught:
        load(path, ENVIRONMENT)
    assert CANARY not in str(caught.value)
    assert CANARY not in str(caught.value)


def test_names_are_read_without_any_secret(tmp_path: Path) -> None:
    path = tmp_path / "connections.yaml"
    path.write_text(f"connections:{SNOWFLAKE}{DATABRICKS}", "utf-8")
    assert load_names(path) == ["snowflake_prod", "uc_us"]


@pytest.mark.parametrize("entry", ["{kind: embedded}", "{name: ../up}", "{name: 7}", "text"])
def test_a_connection_whose_name_cannot_be_read_is_told_by_its_place(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "connections.yaml"
    path.write_text(f"connections:\n  - {{name: first}}\n  - {entry}\n", "utf-8")
    with pytest.raises(ConnectionsError, match=r"connection 2 has no name that is allowed"):
        load_names(path)
