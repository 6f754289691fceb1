"""The statement holds as it was given, and in no other form: an entry removed, altered, added; a sum that does not meet."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sild.errors import CallerError, PeerError, Unavailable
from sild.message_log import seal_witness
from sild.openid import new_signing_key, render_jwks
from sild.portal import TrackerEntry, Usage, completeness_statement
from support.portal_cases import MARI, NOW
from support.portal_world import PortalWorld

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "verify_completeness.py"
KEY = new_signing_key("ES256")
REGISTER = "GOV/70000002/population"


def usage(*, total: int = 3, failed: tuple[str, ...] = ()) -> Usage:
    entries = tuple(
        TrackerEntry(str(n), NOW, "GOV/70000004", "social", "getPerson", "case-1", "PHS § 39", "automatic",
                     "person.residence", f"m-{n}", REGISTER)
        for n in range(2)
    )  # fmt: skip
    return Usage(entries, failed, {REGISTER: total}, {REGISTER: 1})


def made(found: Usage) -> dict[str, Any]:
    return completeness_statement(found, person="EE1", issuer="https://portal.example", at=NOW, key=KEY)


def verify(tmp_path: Path, statement: Any, *, log: str | None = None, keys: Any = None) -> tuple[int, str]:
    (tmp_path / "statement.json").write_text(json.dumps(statement))
    (tmp_path / "keys.json").write_text(json.dumps(keys or render_jwks([KEY])))
    arguments = [str(tmp_path / "statement.json"), str(tmp_path / "keys.json")]
    if log is not None:
        (tmp_path / "log.txt").write_text(log)
        arguments += ["--log", str(tmp_path / "log.txt")]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = runpy.run_path(str(SCRIPT))["main"](arguments)
    return code, said.getvalue()


def test_it_holds_as_it_was_given(tmp_path: Path) -> None:
    assert verify(tmp_path, made(usage())) == (
        0,
        "holds: 2 shown + the withheld = 3, of EE1 at 2026-11-22T12:00:00+00:00\n",
    )
    command = [
        sys.executable,
        "-I",
        "-S",
        str(SCRIPT),
        "statement.json",
        "keys.json",
    ]  # no installed package is seen
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0


def removed(statement: dict[str, Any]) -> None:
    del statement["entries"][0]


def altered(statement: dict[str, Any]) -> None:
    statement["entries"][0]["body"] = "GOV/70000001"


def added(statement: dict[str, Any]) -> None:
    statement["entries"].append({**statement["entries"][0], "id": "9"})


def swapped(statement: dict[str, Any]) -> None:
    statement["entries"].reverse()


def removed_and_counts_lowered(statement: dict[str, Any]) -> None:
    del statement["entries"][0], statement["payload"]["entries_sha256"][0]
    statement["payload"]["registers"][REGISTER] = {"shown": 1, "withheld": 1, "total": 2}


def signature_broken(statement: dict[str, Any]) -> None:
    head, payload, signature = statement["signature"].split(".")
    statement["signature"] = (
        f"{head}.{payload}.{'B' + signature[1:] if signature[0] == 'A' else 'A' + signature[1:]}"
    )


@pytest.mark.parametrize(
    "change", [removed, altered, added, swapped, removed_and_counts_lowered, signature_broken]
)
def test_changed_it_does_not_hold(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    statement = made(usage())
    change(statement)
    code, said = verify(tmp_path, statement)
    assert code == 1, said


@pytest.mark.parametrize("found", [usage(total=4), usage(failed=("GOV/70000006/residence",))])
def test_a_record_that_nobody_accounts_for(tmp_path: Path, found: Usage) -> None:
    code, said = verify(tmp_path, made(found))
    assert code == 1 and ("is not 4" in said or "did not answer" in said)


def test_the_message_log_knows_more_than_was_shown(tmp_path: Path) -> None:
    assert verify(tmp_path, made(usage()), log="m-0\nm-1\nm-2\n")[0] == 0  # one is withheld
    code, said = verify(tmp_path, made(usage()), log="m-0\nm-1\nm-2\nm-3\n")
    assert (code, said) == (1, "message log: 2 messages are not shown, 1 are said to be withheld\n")


def test_anothers_key(tmp_path: Path) -> None:
    assert verify(tmp_path, made(usage()), keys=render_jwks([new_signing_key("ES256")]))[0] == 1


def test_no_statement_at_all(tmp_path: Path) -> None:
    assert verify(tmp_path, [])[0] == 2


def test_the_portals_own_and_evidence_of_one_message(world: PortalWorld, tmp_path: Path) -> None:
    browser = world.browser()
    browser.log_in()
    statement = json.loads(browser.open("/who-looked/statement").text)
    keys = json.loads(browser.open("/keys").text)
    assert verify(tmp_path, statement, keys=keys)[0] == 0
    assert browser.open("/who-looked/evidence/3").text == "container of m-3", "what they asked themselves"
    assert browser.open("/who-looked/evidence/99").status == 404


def test_evidence_of_every_message_comes_from_the_register_or_the_page_says_why_not(
    world: PortalWorld,
) -> None:
    browser = world.browser()
    browser.log_in()
    whole = browser.open("/who-looked?own=yes").text
    for one in ("1", "3"):
        assert (
            f'"/who-looked/evidence/{one}"' in whole
            and f'"/who-looked/evidence/{one}?part=response"' in whole
        )
    assert "/who-looked/evidence/2" not in whole, "an official is named in it"
    assert "names who acted" in whole
    asked = browser.open("/who-looked/evidence/1")
    assert asked.text == f"request of m-1 from {REGISTER} for {MARI}"
    assert browser.open("/who-looked/evidence/3?part=response").text.startswith("response of m-3")
    assert browser.open("/who-looked/evidence/1?part=../x").text.startswith("request of m-1")
    for error, status, words in (
        (CallerError("-", code="names_others"), 403, "names somebody else"),
        (CallerError("-", code="not_in_log"), 410, "no longer holds it"),
        (CallerError("-", code="too_many_messages"), 409, "Too much lies in the message log"),
        (CallerError("-", code="unknown_message"), 404, "does not show this message"),
        (Unavailable("-", code="timeout"), 503, "does not answer now"),
        (PeerError("-", code="invalid_message"), 503, "does not answer now"),
    ):
        world.cases.containers_refused["m-1"] = error
        page = browser.open("/who-looked/evidence/1")
        assert page.status == status and words in page.text
        assert ('action="/who-looked/why"' in page.text) == (status in (403, 409, 410))


LOG_KEY = new_signing_key("ES256")


def witness(*ids: str, **other: Any) -> str:
    """Of a log that has these messages about the person."""
    hashes = [hashlib.sha256(one.encode()).hexdigest() for one in ids]
    said = {"version": 1, "log": "SILD/GOV/70000002/ss1", "person": "EE1", "kept_since": None,
            "until": NOW.isoformat(), "registers": {REGISTER: hashes}, **other}  # fmt: skip
    return seal_witness(said, LOG_KEY)


def held_against(tmp_path: Path, found: Usage, log: str, *, log_keys: Any = None) -> tuple[int, str]:
    (tmp_path / "log.jwks").write_text(json.dumps(log_keys or render_jwks([LOG_KEY])))
    (tmp_path / "witness.jws").write_text(log + "\n")
    (tmp_path / "statement.json").write_text(json.dumps(made(found)))
    (tmp_path / "keys.json").write_text(json.dumps(render_jwks([KEY])))
    files = {"--log": "witness.jws", "--log-keys": "log.jwks"}
    arguments = ["statement.json", "keys.json", *(part for pair in files.items() for part in pair)]
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.chdir(tmp_path):
        code = runpy.run_path(str(SCRIPT))["main"](arguments)
    return code, told.getvalue()


def test_it_is_held_against_what_the_log_says(tmp_path: Path) -> None:
    """m-0 and m-1 are shown, one more is withheld by law; whoever hides a fourth is found, though the register's sums fit."""
    assert held_against(tmp_path, usage(), witness("m-0", "m-1"))[0] == 0
    assert held_against(tmp_path, usage(), witness("m-0", "m-1", "withheld"))[0] == 0
    code, told = held_against(tmp_path, usage(), witness("m-0", "m-1", "withheld", "hidden"))
    assert code == 1
    assert told == (
        "GOV/70000002/population: 2 of 4 messages in the log of SILD/GOV/70000002/ss1 are not shown, "
        "1 are said to be withheld\n"
    )
    code, told = held_against(tmp_path, usage(), witness(registers={"GOV/70000009/police": ["x" * 64]}))
    assert code == 1 and "GOV/70000009/police" in told, "a register that the statement does not name at all"


def test_a_witness_that_is_none_decides_nothing(tmp_path: Path) -> None:
    good = witness("m-0", "m-1")
    header, payload, signature = good.split(".")
    stranger = render_jwks([new_signing_key("ES256")])
    for log, keys in (
        (good, stranger),
        (f"{header}.{payload}.{signature[:-4]}AAAA", None),
        (made(usage())["signature"], render_jwks([KEY])),
        (witness("m-0", person="EE2"), None),
        (witness("m-0", until="2026-11-22T12:00:01+00:00"), None),
        (witness("m-0", until="never"), None),
    ):
        code, told = held_against(tmp_path, usage(), log, log_keys=keys)
        assert code == 2 and told.startswith("cannot tell"), told
