"""`sild rules`: as docs/rules.md shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sild.processes.rules import command
from support.rules import PACKAGES, PACKS

EXAMPLE = Path(__file__).parents[2] / "examples" / "family_benefits.json"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_list_and_show() -> None:
    listed = run("list").output
    assert all(f"{p.name}@{p.version}" in listed and p.sha256 in listed for p in PACKAGES.values())

    shown = run("show", "vn-health-insurance").output
    assert "competence.tier" in shown
    assert "2025-07-01" in shown
    assert "NĐ 118/2025/NĐ-CP" in shown


def test_evaluate_says_what_is_known_and_who_has_the_rest() -> None:
    outputs = ("mother/parental_benefit", "father/parental_benefit")
    said = run("evaluate", "ee-family-benefits", str(EXAMPLE), *outputs, "--at", "2026-04-01")

    assert "mother/parental_benefit@ETERNITY  1220.83" in said.output
    assert "father/parental_benefit@ETERNITY  unknown" in said.output
    assert "missing: father/income@2024-06, ask social (person.contributions)" in said.output
    assert "PHS § 39" in said.output
    assert said.exit_code == 1  # something is unknown


def test_evaluate_as_json_has_the_trace() -> None:
    said = run(
        "evaluate",
        "ee-family-benefits@1.1.0",
        str(EXAMPLE),
        "family/birth_grant",
        "--at",
        "2026-04-01",
        "--json",
    )

    told = json.loads(said.output)
    assert said.exit_code == 0
    assert told["package"]["sha256"] == PACKAGES["ee-family-benefits"].sha256
    assert [node["variable"] for node in told["trace"]["nodes"]] == ["born", "begins", "birth_grant"]


def test_what_if_names_the_change() -> None:
    said = run("what-if", "ee-family-benefits", str(EXAMPLE), "family/child_allowance", "--at", "2026-04-01")

    assert json.loads(said.output)["needed"] == 2


def test_the_tests_of_a_package_in_a_directory(tmp_path: Path) -> None:
    assert run("test", str(PACKS / "health/rules/vn-health-insurance/1.0.0")).exit_code == 0
    package = tmp_path / "changed"
    for path, content in PACKAGES["vn-health-insurance"].files.items():
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).write_bytes(content.replace(b"value: 6,", b"value: 7,"))

    said = run("test", str(package))

    assert said.exit_code == 1
    assert "2032-06-01, not 2031-06-01" in said.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "no-such"), "no rule package no-such"),
        (("evaluate", "ee-family-benefits", str(EXAMPLE), "birth_grant"), "is not INSTANCE/VARIABLE"),
        (("evaluate", "ee-family-benefits", __file__, "family/birth_grant"), "no JSON"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: tuple[str, ...], said: str) -> None:
    answer = run(*arguments)

    assert answer.exit_code == 2
    assert said in answer.output
