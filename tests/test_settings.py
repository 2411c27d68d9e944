"""Settings: where values come from, which are allowed, and what an operator reads when one is wrong."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from immuta_assets.settings import PREFIX, VARIABLES, LayoutChoice, SettingsError, load

LAYOUTS_ALLOWED = "versions separated by commas such as prpr2 or prpr1:2027-01-31,prpr2"


@pytest.fixture(autouse=True)
def _bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*VARIABLES, "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_the_defaults_run_the_demo_below_the_working_directory() -> None:
    settings = load()
    assert settings.tenant == "dagster_home/demo/tenant"
    assert settings.store == "dagster_home/demo/store"
    assert settings.destination == ("dagster_home/demo/published",)
    assert settings.export_timezone == ZoneInfo("UTC")
    assert settings.layouts == (LayoutChoice("prpr2"),)
    assert settings.dump_lead == timedelta(0)


def test_the_demo_lies_below_dagster_home_where_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "/srv/dagster")
    settings = load()
    assert settings.tenant == "/srv/dagster/demo/tenant"
    assert (settings.store, settings.destination) == (
        "/srv/dagster/demo/store",
        ("/srv/dagster/demo/published",),
    )


def test_options_win_over_the_environment_and_that_over_the_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(
        "IMMUTA_ASSETS_TENANT=file\nIMMUTA_ASSETS_STORE=file\nIMMUTA_ASSETS_DESTINATION=file\nOTHER=1\n"
    )
    monkeypatch.setenv("IMMUTA_ASSETS_STORE", "environment")
    monkeypatch.setenv("IMMUTA_ASSETS_DESTINATION", "environment")
    settings = load(destination="option")
    assert (settings.tenant, settings.store, settings.destination) == (
        "file",
        "environment",
        ("option",),
    )


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMMUTA_ASSETS_LAYOUTS", "")
    assert load().layouts == (LayoutChoice("prpr2"),)


@pytest.mark.parametrize(
    ("text", "layouts"),
    [
        ("prpr1", (LayoutChoice("prpr1"),)),
        ("prpr1, prpr2", (LayoutChoice("prpr1"), LayoutChoice("prpr2"))),
        ("prpr1:2027-01-31,prpr2", (LayoutChoice("prpr1", date(2027, 1, 31)), LayoutChoice("prpr2"))),
    ],
)
def test_layouts_are_a_list_separated_by_commas(
    monkeypatch: pytest.MonkeyPatch, text: str, layouts: tuple[LayoutChoice, ...]
) -> None:
    monkeypatch.setenv("IMMUTA_ASSETS_LAYOUTS", text)
    assert load().layouts == layouts


@pytest.mark.parametrize(
    ("text", "lead"),
    [
        ("0", timedelta(0)),
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("PT2H", timedelta(hours=2)),
        ("23h59m", timedelta(hours=23, minutes=59)),
    ],
)
def test_a_lead_is_written_short_or_in_iso_8601(monkeypatch: pytest.MonkeyPatch, text: str, lead: timedelta) -> None:
    monkeypatch.setenv("IMMUTA_ASSETS_DUMP_LEAD", text)
    assert load().dump_lead == lead


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("TENANT", "s3://bucket/dump", "the path of a local folder, which may hold {export_day}"),
        ("CONNECTIONS", "~/connections.yaml", "the path of a local YAML file"),
        ("EXPORT_TIMEZONE", "Mars/Olympus", "an IANA time zone such as Europe/Berlin"),
        ("EXPORT_TIMEZONE", "../../etc/passwd", "an IANA time zone such as Europe/Berlin"),
        ("LAYOUTS", "prpr1:soon,prpr2", LAYOUTS_ALLOWED),
        ("LAYOUTS", "prpr2,", LAYOUTS_ALLOWED),
        ("DUMP_LEAD", "30", "a duration from 0 to below 24h such as 30m, 1h30m, 2d or PT2H"),
        ("DUMP_LEAD", "24h", "a duration from 0 to below 24h such as 30m, 1h30m, 2d or PT2H"),
        ("DUMP_LEAD", "-PT1H", "a duration from 0 to below 24h such as 30m, 1h30m, 2d or PT2H"),
    ],
)
def test_a_wrong_value_is_one_line_with_the_variable_the_value_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(PREFIX + variable, value)
    with pytest.raises(SettingsError) as failure:
        load()
    assert str(failure.value) == f"{PREFIX}{variable} is {value!r}; allowed is {allowed}."


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("data/store/", "data/store"),
        ("file:///data/store", "/data/store"),
        ("s3://bucket/store/", "s3://bucket/store"),
        ("s3://eu-prod@bucket/store", "s3://eu-prod@bucket/store"),
        ("abfss://audit@account1.dfs.core.windows.net/a", "abfss://audit@account1.dfs.core.windows.net/a"),
        ("az://audit/a", "az://audit/a"),
        ("gs://bucket", "gs://bucket"),
    ],
)
def test_the_store_and_the_destinations_are_addresses(monkeypatch: pytest.MonkeyPatch, text: str, address: str) -> None:
    monkeypatch.setenv("IMMUTA_ASSETS_STORE", text)
    monkeypatch.setenv("IMMUTA_ASSETS_DESTINATION", f"{text}, other")
    settings = load()
    assert (settings.store, settings.destination) == (address, (address, "other"))


@pytest.mark.parametrize("variable", ["STORE", "DESTINATION"])
@pytest.mark.parametrize("text", ["~/hidden", "s3://bucket//hidden", "s3://key:hidden@bucket/a", "ftp://hidden"])
def test_an_address_of_no_allowed_form_is_not_shown(monkeypatch: pytest.MonkeyPatch, variable: str, text: str) -> None:
    monkeypatch.setenv(PREFIX + variable, text)
    with pytest.raises(
        SettingsError, match=rf"^{PREFIX}{variable} is wrong \(not shown\); allowed is .*:///path"
    ) as failure:
        load()
    assert "hidden" not in str(failure.value)


def test_each_wrong_variable_has_its_own_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMMUTA_ASSETS_LAYOUTS", "prpr1:soon")
    monkeypatch.setenv("IMMUTA_ASSETS_DUMP_LEAD", "soon")
    monkeypatch.setenv("IMMUTA_ASSETS_TENNANT", "dump")
    with pytest.raises(SettingsError) as failure:
        load()
    named = [line.split()[0] for line in str(failure.value).splitlines()]
    assert named == ["IMMUTA_ASSETS_TENNANT", "IMMUTA_ASSETS_LAYOUTS", "IMMUTA_ASSETS_DUMP_LEAD"]


def test_a_long_value_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMMUTA_ASSETS_START", "x" * 1_000)
    with pytest.raises(SettingsError, match=rf"is '{'x' * 59}…';"):
        load()


def test_a_misspelt_variable_names_the_nearest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMMUTA_ASSETS_TIMEZONE", "UTC")
    with pytest.raises(SettingsError, match=r"^IMMUTA_ASSETS_TIMEZONE .* IMMUTA_ASSETS_EXPORT_TIMEZONE\?$"):
        load()


def test_a_misspelt_variable_in_the_env_file_is_named_too() -> None:
    Path(".env").write_text("IMMUTA_ASSETS_LAYOUT=prpr1\n")
    with pytest.raises(SettingsError, match=r"did you mean IMMUTA_ASSETS_LAYOUTS\?$"):
        load()


def test_an_env_file_that_is_not_text_is_named() -> None:
    Path(".env").write_bytes(b"IMMUTA_ASSETS_TENANT=\xff\xfe")
    with pytest.raises(SettingsError, match=r"/\.env cannot be read .* settings are lines NAME=value in UTF-8\.$"):
        load()


def test_every_variable_says_what_it_is() -> None:
    assert all(info.description for info in VARIABLES.values())


def test_settings_load_nothing_of_the_domain() -> None:
    program = (
        "import sys, immuta_assets.settings as settings; settings.load(destination='s3://bucket/a'); "
        "print(*{name.split('.')[1] for name in sys.modules if name.startswith('immuta_assets.')})"
    )
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert {*loaded} == {"durations", "object_store", "secrets", "settings"}
