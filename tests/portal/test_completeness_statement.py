"""The statement holds as it was given, and in no other form: an entry removed, altered, added; a sum that does not meet."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sild.cases import Actor, LogWitness
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


PORTAL = "SILD/GOV/70000001/portal"
NONCE = "n" * 20
ADDRESSES = {"population": REGISTER}
KEEPER = "GOV/70000002/messagelog"
KEEPERS = {"keepers": [{"log": "SILD/GOV/70000002/ss1", **render_jwks([LOG_KEY])}]}


def listed(found: Usage) -> str:
    ids = sorted({sha256(one.message_id) for one in found.entries})
    return sha256("".join(f"{one}\n" for one in ids))


def sha256(one: str) -> str:
    return hashlib.sha256(one.encode()).hexdigest()


def asked(found: Usage, *about: str, key: Any = LOG_KEY, **other: Any) -> LogWitness:
    """What a keeper answers about MARI, whose log has these requests about her."""
    said: dict[str, Any] = {
        "version": 2, "log": "SILD/GOV/70000002/ss1", "person": MARI, "asker": PORTAL, "nonce": NONCE,
        "until": NOW.isoformat(timespec="milliseconds"), "since": None, "kept_since": None, "hosts": [REGISTER],
        "registers": {REGISTER: [sha256(one) for one in about]}, "in_passing": {}, "unread": {},
        "listed_sha256": listed(found), "lacking": [], **other,
    }  # fmt: skip
    return LogWitness(KEEPER, seal_witness(said, key), said, KEEPERS["keepers"][0])


def stated(found: Usage, *witnesses: LogWitness, at: datetime = NOW) -> dict[str, Any]:
    return completeness_statement(
        found, person=MARI, issuer="https://portal.example", at=at, key=KEY, nonce=NONCE, witnesses=witnesses
    )


def judged(tmp_path: Path, statement: dict[str, Any], keepers: Any = KEEPERS) -> tuple[int, str]:
    files = {"statement.json": statement, "keys.json": render_jwks([KEY]), "log-keys.json": keepers}
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        code = runpy.run_path(str(SCRIPT))["main"]([str(tmp_path / name) for name in files])
    return code, told.getvalue()


def test_the_logs_agree(tmp_path: Path) -> None:
    for about in (("m-0", "m-1"), ("m-0", "m-1", "withheld"), ()):
        statement = stated(usage(), asked(usage(), *about))
        assert statement["payload"]["complete"]
        code, told = judged(tmp_path, statement)
        assert code == 0 and "1 message logs agree" in told, told


def test_a_log_says_otherwise(tmp_path: Path) -> None:
    hidden = stated(usage(), asked(usage(), "m-0", "m-1", "withheld", "hidden"))
    never = stated(usage(), asked(usage(), "m-0", lacking=[sha256("m-1")]))
    for statement, words in (
        (hidden, "2 of 4 messages"),
        (never, "lists the message m-1, which is not in the log"),
    ):
        assert not statement["payload"]["complete"]
        code, told = judged(tmp_path, statement)
        assert code == 1 and words in told, told
        statement["payload"]["complete"] = True  # it is not believed
        assert judged(tmp_path, statement)[0] == 1


def test_what_a_log_cannot_say_is_nothing_against_a_register(tmp_path: Path) -> None:
    """Older than what is kept; a register's own work; a register that the log is not of; a body that names her in passing."""
    later = (NOW + timedelta(minutes=1)).isoformat()
    own = replace(usage().entries[1], body="GOV/70000002", system="population")
    by_itself = replace(usage(), entries=(usage().entries[0], own))
    for found, said in (
        (usage(), asked(usage(), "m-0", lacking=[sha256("m-1")], kept_since=later)),
        (by_itself, asked(by_itself, "m-0", lacking=[sha256("m-1")])),
        (usage(), asked(usage(), "m-0", in_passing={REGISTER: [sha256("notice")]})),
        (usage(), asked(usage(), "m-0", registers={"GOV/70000009/police": [sha256("x")]})),
    ):
        assert judged(tmp_path, stated(found, said))[0] == 0


def test_a_keeper_that_could_not_be_asked_and_a_register_of_no_log(tmp_path: Path) -> None:
    silent = LogWitness(KEEPER, failed="timeout")
    for witnesses, words in (
        ((silent,), "could not be asked (timeout)"),
        ((asked(usage(), "m-0", hosts=[]),), "nobody says what the message log"),
        ((silent, asked(usage(), "m-0")), "could not be asked"),
    ):
        statement = stated(usage(), *witnesses)
        assert not statement["payload"]["complete"]
        code, told = judged(tmp_path, statement)
        assert code == 1 and words in told, told


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"person": "EE38001085718"}, "somebody else"),
        ({"nonce": "m" * 20}, "another question"),
        ({"listed_sha256": "0" * 64}, "other messages"),
        ({"until": (NOW - timedelta(hours=1)).isoformat()}, "another time"),
        ({"until": (NOW + timedelta(hours=1)).isoformat()}, "another time"),
    ],
)
def test_another_witness_in_its_place(tmp_path: Path, other: dict[str, Any], words: str) -> None:
    """An earlier one, another person's: as a portal would put it there that wants to hide something."""
    code, told = judged(tmp_path, stated(usage(), asked(usage(), "m-0", **other)))
    assert code == 1 and words in told, told


def test_a_witness_that_no_keeper_sealed(tmp_path: Path) -> None:
    stranger = new_signing_key("ES256")
    of_another_log = asked(usage(), "m-0", log="SILD/GOV/70000003/ss2")
    for said in (asked(usage(), "m-0", key=KEY), asked(usage(), "m-0", key=stranger), of_another_log):
        code, told = judged(tmp_path, stated(usage(), said))
        assert code == 2 and "does not fit any of the keys" in told, told
    assert judged(tmp_path, stated(usage(), asked(usage(), "m-0")), {"keepers": []})[0] == 2


def test_the_page_says_whether_the_logs_agree(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    assert "own word" in browser.open("/who-looked/check").text
    found = asyncio.run(world.cases.usage(Actor(person=MARI)))
    hosts = [REGISTER, "GOV/70000006/residence"]
    shown = [asked(found, "m-1", "m-2", hosts=hosts)]
    world.cases.witnesses = tuple(shown)
    page = browser.open("/who-looked/check").text
    assert "Nothing is missing" in page and "cannot be said" not in page
    world.cases.witnesses = (asked(found, "m-1", hosts=[REGISTER]),)
    assert "cannot be said for all registers" in browser.open("/who-looked/check").text, (
        "residence has no log"
    )
    hidden = [f"hidden-{number}" for number in range(3)]
    world.cases.witnesses = (asked(found, "m-1", *hidden, hosts=hosts, lacking=[sha256("m-1")]),)
    page = browser.open("/who-looked/check")
    assert (
        "do not agree" in page.text
        and sha256("hidden-0") in page.text
        and "Listed, and not in the log" in page.text
    )
    browser.submit(page, "/who-looked/unlisted", register="GOV/70000009/police")
    assert world.cases.asked_unlisted == []
    browser.submit(page, "/who-looked/unlisted")
    assert world.cases.asked_unlisted == [(REGISTER, tuple(sorted(sha256(one) for one in hidden)))]
    world.cases.witnesses = (LogWitness(KEEPER, failed="timeout"),)
    page = browser.open("/who-looked/check").text
    assert "could not be asked" in page and "Nothing is missing" not in page
