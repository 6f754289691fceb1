"""`sild cohorts`: make, run, show, compare, as docs/cohorts.md says."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from sild.errors import CallerError
from sild.processes.cohorts import _progress, command

COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def sild(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.stdout


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("people")
    sild("make", "--people", "10000", "--dir", str(directory), "--missing", "0.05", "--workers", "1")
    return directory


@pytest.fixture(scope="module")
def old(people: Path) -> Path:
    out = people / "runs" / "old"
    common = ("--package", "ee-family-benefits@1.0.0", "--people-dir", str(people), "--out", str(out))
    told = json.loads(sild("run", *common, "--check", "20", "--json"))
    assert (
        told["people"] == 5_000 and told["finished"] and told["differences"] == [] and told["checked"] == 20
    )
    assert told["peak_memory"] > 0
    return out


def test_what_a_run_says(old: Path, tmp_path: Path) -> None:
    picture, missing = tmp_path / "spread.svg", tmp_path / "missing.csv"
    said = sild("show", str(old), "--plot", str(picture), "--missing", str(missing))
    told = json.loads(sild("show", str(old), "--json"))
    assert "missing at residence: person.household (older_siblings)" in said
    assert told["sha256"] in said.replace("\n", "")
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")
    rows = [*csv.DictReader(missing.read_text().splitlines())]
    blocked = {each["cause"]: each["blocked"] for each in told["unknowns"]}
    assert {cause: sum(row["cause"] == cause for row in rows) for cause in blocked} == blocked
    unknown = told["results"]["child_allowance"]["unknown"]
    assert unknown == blocked["older_siblings"] > 0


def test_who_gains_by_another_law(people: Path, old: Path, tmp_path: Path) -> None:
    new, listing = people / "runs" / "new", tmp_path / "again.csv"
    change = "allowance.first_two@2026-01-01=90"
    common = ("--package", "ee-family-benefits", "--people-dir", str(people), "--out", str(new))
    told = json.loads(sild("run", *common, "--what-if", change, "--check", "20", "--json"))
    assert told["package"]["sha256"] != json.loads(sild("show", str(old), "--json"))["package"]["sha256"]
    found = json.loads(sild("compare", str(old), str(new), "--list", str(listing), "--json"))
    allowance = found["changes"]["child_allowance"]
    assert allowance["gain"] == 1_000 * allowance["gainers"] > 0 and allowance["losers"] == 0
    assert found["changes"]["parental_benefit.mother"]["same"] == found["decided"]
    rows = [*csv.DictReader(listing.read_text().splitlines())]
    assert len(rows) == found["again"] == allowance["gainers"]
    assert {(row["result"], row["before"], row["after"]) for row in rows} == {
        ("child_allowance", "80.00", "90.00")
    }
    back = json.loads(sild("compare", str(new), str(old), "--json"))["changes"]["child_allowance"]
    assert back["losers"] == allowance["gainers"] and back["loss"] == allowance["gain"]


def test_a_bar_shows_how_far_it_is(
    old: Path,
    people: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On a terminal: what is done, people of how many, people a second, memory, time left; nothing of it with `--json` (`quiet`)."""
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "200"}.items():
        monkeypatch.setenv(name, value)

    def shown(*arguments: str) -> str:
        result = CliRunner().invoke(command, arguments, catch_exceptions=False)
        assert result.exit_code == 0
        return COLOURS.sub("", result.stderr)

    made = shown("make", "--people", "100", "--dir", str(tmp_path), "--workers", "1")
    assert re.search(r"making .* 100 of 100 ", made)
    again = ("run", "--package", "ee-family-benefits@1.0.0", "--people-dir", str(people), "--out", str(old))
    gone_on = shown(*again, "--resume", "--check", "5")
    assert re.search(r"ee-family-benefits .* 5,000 of 5,000 ", gone_on), "what was finished before counts"
    assert re.search(r"checking .* 5 of 5 .* MB", gone_on)
    with _progress() as show:
        show.begin("ee-family-benefits", 1_000, 250)
        show.line({"people": 500, "cpu": 1.5, "peak": {"1": 7_000_000}})
        show.line({"people": 200, "cpu": 0.5, "peak": {"1": 6_000_000}})
    with _progress(quiet=True) as silent:
        silent.begin("ee-health-cover", 1_000, 0)
    bar = COLOURS.sub("", capsys.readouterr().err)
    assert re.search(r"ee-family-benefits .* 950 of 1,000 [\d,]+/s [\d,]+ MB [-\d]:[-\d]{2}:[-\d]{2}", bar)
    assert "ee-health-cover" not in bar
    assert (show.computed, show.cpu, show.peak) == (700, 2.0, {"1": 7_000_000})


def test_refusals_say_what_to_do(people: Path, old: Path, tmp_path: Path) -> None:
    with pytest.raises(CallerError, match=r"there are .*ee-family-benefits"):
        sild("run", "--package", "none", "--people-dir", str(people))
    with pytest.raises(CallerError, match="--resume"):
        sild("run", "--package", "ee-family-benefits", "--people-dir", str(people), "--out", str(old))
    with pytest.raises(CallerError, match="birth_grant"):
        sild(
            "run",
            "--package",
            "ee-family-benefits",
            "--people-dir",
            str(people),
            "--what-if",
            "tax@2026-01-01=1",
        )
    with pytest.raises(CallerError, match="no run"):
        sild("show", str(tmp_path))
    with pytest.raises(CallerError, match="EE, VN"):
        sild("make", "--people", "10", "--dir", str(tmp_path), "--country", "FI")
    assert (
        "needs --scheduler"
        in CliRunner()
        .invoke(
            command,
            ["run", "--package", "ee-family-benefits", "--people-dir", str(people), "--engine", "dask"],
        )
        .output
    )
