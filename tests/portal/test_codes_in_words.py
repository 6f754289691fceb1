"""Whatever code a refusal, a failed job or a register's answer has, pages say it in words of each language; no code is shown as it is."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

import sild
from sild.cases import FailedBody
from support.portal_world import PortalWorld

SOURCE = Path(sild.__file__).parent
LANGUAGES = ("et", "vi", "en")
TEXTS = {
    name: tomllib.loads((SOURCE / "portal" / "texts" / f"{name}.toml").read_text()) for name in LANGUAGES
}
NEVER_SHOWN = {"key_reused", "session_over", "mixed_up"}
"""Turned into other codes before a page is made: `other_answers`, `login_refused`."""


def constants(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one.value


def calls(*rooms: str) -> Iterator[tuple[str, ast.Call]]:
    for room in rooms:
        for file in sorted((SOURCE / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call):
                    yield getattr(node.func, "id", getattr(node.func, "attr", "")), node


def refused() -> set[str]:
    """Of every `Refused(..., code=)`, also of a name that was given its value before, and of what answers 'why not'."""
    found = {
        code
        for name, call in calls("cases", "portal")
        if name == "Refused"
        for keyword in call.keywords
        if keyword.arg == "code"
        for code in constants(keyword.value)
    }
    for file in (SOURCE / "cases").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            named = [one.id for one in getattr(node, "targets", ()) if isinstance(one, ast.Name)]
            if (
                file.name == "acting.py"
                and isinstance(node, ast.Assign)
                and "code" in named
                and not isinstance(node.value, ast.Call)
            ):
                found |= {one for one in constants(node.value) if re.fullmatch(r"[a-z_]+", one)}
            if isinstance(node, ast.FunctionDef) and node.name in (
                "is_possible",
                "may_wish",
                "may_choose_doctor",
            ):
                returned = [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value]
                found |= {
                    code for one in returned if isinstance(one, ast.Constant) for code in constants(one)
                }
    return found - NEVER_SHOWN


def unknown() -> set[str]:
    """Why a line of facts has no value."""
    given = set()
    for name, call in calls("cases"):
        if name == "FactLine" and len(call.args) > 3:
            given |= {one for one in constants(call.args[3]) if re.fullmatch(r"[a-z]+_[a-z]+|sealed", one)}
    return given


def seen() -> set[str]:
    return {
        code
        for name, call in calls("cases")
        if name == "Sighting" and len(call.args) > 2
        for code in constants(call.args[2])
    } | {"conflict_of_interest", "conflict_not_checked"}


def test_the_walk_finds_what_it_looks_for() -> None:
    assert {"too_late", "conflict_not_checked", "place_accepted", "bad_count"} <= refused()
    assert {"sealed", "not_held"} <= unknown()
    assert {"no_live_case", "not_yours"} <= seen()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_of_ours_has_words(language: str) -> None:
    texts = TEXTS[language]
    assert refused() - set(texts["refused"]) == set()
    assert unknown() - set(texts["unknown"]) == set()
    assert seen() - set(texts["sighting"]) == set()
    needed = {"register_down", "nonsense", "timeout", "network_error", "bad_request", "access_denied"}
    assert {*needed, "http_error", "workflow_failed"} <= set(texts["stop"])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", ["bad_request", "unknown_dwelling", "KeyError", "Server.Server_Proxy.X"])
@pytest.mark.parametrize("again", [None, datetime(2026, 7, 1, tzinfo=UTC)])
def test_a_job_that_failed_is_told_in_words(
    world: PortalWorld, language: str, code: str, again: datetime | None
) -> None:
    """Registers' codes are theirs: those we have no words for, too, are said in words."""
    pages = world.portal._pages
    parts = Environment(
        loader=FileSystemLoader(SOURCE / "portal" / "templates"), autoescape=True
    ).get_template(
        "parts.html",
        globals={
            "say": pages.texts.speaker(language),
            "body_name": lambda code: pages.body_name(code, language),
            "moment": lambda at: at.isoformat(),
            "coded_word": lambda *given: pages.coded_word(*given, language),
        },
    )
    said = str(parts.module.failed([FailedBody("GOV/70000002/population", code, again)]))  # type: ignore[attr-defined]
    known, other = TEXTS[language]["stop"], "not_now" if again else "not_taken"
    assert code not in said and known.get(code, known[other]) in said


def test_no_template_shows_a_refusal_as_it_is() -> None:
    """`spoken` gives a code back where there are no words; these prefixes are of codes that others may add to."""
    loose = re.compile(r'spoken\("(refused|stop|unknown|sighting)", [^"]')
    files = sorted((SOURCE / "portal" / "templates").glob("*.html"))
    assert [file.name for file in files if loose.search(file.read_text())] == []
