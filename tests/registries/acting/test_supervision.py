"""Auditors: what their mandate says and no more, four eyes on delicate classes, every look in the person's tracker; closed to all others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from sild.decisions import InLog, verify_bundle
from sild.events import CLOUDEVENTS_JSON, render_event
from sild.identity_provider import IdentityProvider, IdentityProviderSettings
from sild.registries import SocialRegister, social_app
from sild.registries.deciding import Supervision
from support.acting import serving
from support.asgi import Answer
from support.audited import BASIS, OFFICE, SCOPE, Keeper, decide, decide_from

from .conftest import CHILD, FATHER, MOTHER, Others, SetClock, event
from .test_acting_http import IBAN, POPULATION, Asking, refused
from .test_social import declare

PORTAL, OTHER_SYSTEM = "SILD/GOV/70000001/portal", "SILD/GOV/70000005/education"
AUDITOR, SECOND, OFFICIAL = "EE36901010001", "EE47001010005", "EE37001010002"


class Audited(Asking):
    """Social with a grant that was accepted; an auditor with a mandate."""

    keeper: Keeper
    clock: SetClock
    decision: str

    def look(self, path: str, user: str = AUDITOR, body: object = None, **headers: str) -> Answer:
        self._number += 1
        sent = {"X-Road-Client": PORTAL, "X-Road-Id": f"audit-{self._number}", "X-Road-UserId": user,
                "Sild-Legal-Basis": BASIS, "X-Road-Issue": SCOPE.matter, "Content-Type": "application/json"}  # fmt: skip
        sent = {name: value for name, value in {**sent, **headers}.items() if value}
        content = None if body is None else json.dumps(body).encode()
        return self.site.request("GET" if body is None else "POST", path, headers=sent, body=content)

    def uses(self, person: str = MOTHER) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"/findUsage?userCode=EE{person}").json()["usages"]
        return found


@pytest.fixture
def audited(
    directory: Path, others: Others, clock: SetClock, tmp_path: Path, database_url: str | None
) -> Iterator[Audited]:
    with ExitStack() as opened:
        provider = IdentityProvider(
            IdentityProviderSettings(directory=tmp_path, issuer="https://id.example", key_password=SecretStr("x")), clock
        )  # fmt: skip
        opened.callback(provider.close)
        register = SocialRegister.open(directory, database_url, people=0, clock=clock)
        opened.callback(register.close)
        declare(register, MOTHER, "2000")
        declare(register, FATHER, "1500.50")
        asking = Audited(register, opened.enter_context(serving(social_app(register))), others)
        register.kernel.tellers = {"population": POPULATION}
        asking.keeper, asking.clock = Keeper(provider), clock
        register.deciding.supervision = Supervision(frozenset({PORTAL}), asking.keeper)
        asking.site.request(
            "POST", "/events", body=render_event(event("civil.birth.registered", CHILD)),
            headers={**asking.headers(MOTHER), "X-Road-Client": POPULATION, "Content-Type": CLOUDEVENTS_JSON},
        )  # fmt: skip
        asking.settle()
        (offer,) = asking.get(f"/persons/{CHILD}/offers").json()["items"]
        choice = {"choice": "mother", "account": IBAN, "version": offer["version"]}
        assert asking.post(f"/offers/{offer['id']}/acceptance", choice).json()["state"] == "accepted"
        lines = asking.get(f"/persons/{MOTHER}/decisions").json()["items"]
        asking.decision = next(one["id"] for one in lines if one["effect"] == "grant")
        yield asking


def test_a_register_without_supervision_shows_nothing(audited: Audited) -> None:
    audited.keeper.appoint(AUDITOR)
    audited.register.deciding.supervision = None
    for path in PATHS:
        refused(audited.look(path.format(audited.decision)), 403, "not_a_supervisor")


PATHS = (
    "/supervision/overview",
    "/supervision/decisions",
    "/supervision/decisions/{}",
    "/supervision/decisions/{}/bundle",
    "/supervision/decisions/{}/replay",
    "/supervision/decisions/{}/messages",
    "/supervision/decisions/{}/what-if",
    "/supervision/decisions/{}/affected?about=package",
    "/supervision/samples/any",
    "/supervision/releases",
    "/supervision/algorithms/family-benefits/cohorts",
    "/supervision/algorithms/family-benefits/running",
)


def test_who_is_no_auditor_is_refused_everywhere(audited: Audited) -> None:
    """An official, the citizen it is about, a machine, another system, ground or file, no file, a keeper that is down."""
    audited.keeper.appoint(AUDITOR)
    attacks: tuple[tuple[str, dict[str, Any], int, str], ...] = (
        ("an official", {"user": OFFICIAL}, 403, "no_mandate"),
        ("the citizen", {"user": f"EE{MOTHER}"}, 403, "no_mandate"),
        ("a machine", {"user": "automatic"}, 403, "not_a_supervisor"),
        ("another subsystem", {"X-Road-Client": OTHER_SYSTEM}, 403, "not_a_supervisor"),
        ("another ground", {"Sild-Legal-Basis": "PHS 10"}, 403, "no_mandate"),
        ("no file", {"X-Road-Issue": ""}, 400, "missing_case"),
        ("another file", {"X-Road-Issue": "AUDIT-2026-8"}, 403, "no_mandate"),
    )
    for path in PATHS:
        for _what, how, status, code in attacks:
            refused(audited.look(path.format(audited.decision), **how), status, code)
    audited.keeper.down = True
    refused(audited.look(PATHS[2].format(audited.decision)), 503, "mandates_down")


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ({"bodies": ("GOV/70000003",)}, PATHS[2]),
        ({"bodies": ()}, PATHS[1]),
        ({"algorithms": ("kindergarten-queue",)}, PATHS[2]),
        ({"algorithms": ("kindergarten-queue",)}, PATHS[10]),
        ({"services": ("move",)}, PATHS[4]),
        ({"first_day": date(2026, 3, 3)}, PATHS[2]),
        ({"last_day": date(2026, 3, 1)}, PATHS[3]),
    ],
)
def test_an_auditor_of_another_scope(audited: Audited, scope: dict[str, Any], path: str) -> None:
    """Refused, and logged: with a decision in sight also for those it is about."""
    audited.keeper.appoint(AUDITOR, replace(SCOPE, **scope))
    refused(audited.look(path.format(audited.decision)), 403, "out_of_scope")
    if "bodies" not in scope and "{}" in path:
        (seen, *_) = audited.uses()
        assert seen["extension"]["outcome"] == "out_of_scope"


def test_the_first_and_the_last_day_count(audited: Audited) -> None:
    """Decided on 2 March, at 11 in Tallinn."""
    day = date(2026, 3, 2)
    audited.keeper.appoint(AUDITOR, replace(SCOPE, first_day=day, last_day=day))
    assert audited.look(PATHS[2].format(audited.decision)).status == 200


def test_a_mandate_ends_with_its_day_and_at_once_when_withdrawn(audited: Audited) -> None:
    mandate = audited.keeper.appoint(AUDITOR, valid_through=date(2026, 3, 3))
    path = PATHS[2].format(audited.decision)
    assert audited.look(path).status == 200
    audited.clock.at = audited.clock.at.replace(day=3, hour=21, minute=59)  # 23:59 in Tallinn
    assert audited.look(path).status == 200
    audited.clock.forward(minutes=1)
    refused(audited.look(path), 403, "no_mandate")
    again = audited.keeper.appoint(AUDITOR, valid_from=date(2026, 3, 5))
    refused(audited.look(path), 403, "no_mandate")
    audited.clock.forward(days=1)
    assert audited.look(path).status == 200
    audited.keeper.provider.mandates.withdraw(again, actor=OFFICE.identifier)
    refused(audited.look(path), 403, "no_mandate")
    assert mandate != again


def test_nobody_audits_their_own_decision(audited: Audited) -> None:
    audited.keeper.appoint(f"EE{MOTHER}")
    refused(audited.look(PATHS[2].format(audited.decision), f"EE{MOTHER}"), 403, "conflict_of_interest")


def test_what_is_sealed_opens_by_class_and_delicate_ones_by_a_second_auditor(audited: Audited) -> None:
    audited.keeper.appoint(AUDITOR)
    path = PATHS[2].format(audited.decision)
    told = audited.look(path).json()
    assert told["sealed"] == {"identifier": "needs_release", "income": "needs_release"} or told["sealed"] == {
        "income": "needs_release"
    }
    text = json.dumps(told["values"])
    assert "2000" not in text, "incomes, and what was reckoned from them"
    assert told["values"], "what is personal and not delicate is open"

    asked = {"release": "release-1", "classes": ["income", "identifier"], "reason": "The amount is in doubt."}
    post = f"/supervision/decisions/{audited.decision}/releases"
    refused(audited.look(post, body={**asked, "classes": ["health"]}), 403, "not_in_scope")
    assert audited.look(post, body=asked).status == 201
    answer = "/supervision/releases/release-1/answer"
    refused(audited.look(answer, body={"granted": True}), 403, "four_eyes")
    refused(audited.look(answer, OFFICIAL, {"granted": True}), 403, "no_mandate")
    audited.keeper.appoint(SECOND, replace(SCOPE, classes=("personal",)))
    assert audited.look("/supervision/releases", SECOND).json()["items"] == [], (
        "nothing this mandate could open"
    )
    refused(audited.look(answer, SECOND, {"granted": True}), 403, "not_in_scope")
    audited.keeper.appoint(SECOND)
    (waits,) = audited.look("/supervision/releases", SECOND).json()["items"]
    assert (waits["id"], waits["asked_by"]) == ("release-1", AUDITOR)
    assert audited.look(answer, SECOND, {"granted": True}).status == 200

    told = audited.look(path).json()
    assert told["sealed"] == {} and "2000" in json.dumps(told["values"])
    (kept,) = told["releases"]
    assert (kept["granted"], kept["answered_by"]) == (True, SECOND), "it is recorded"
    assert "2000" not in json.dumps(audited.look(path, SECOND).json()["values"]), "for who asked, nobody else"
    audited.clock.forward(days=7)
    assert "2000" not in json.dumps(audited.look(path).json()["values"]), "for a week"


def test_evidence_replay_messages_and_what_if(audited: Audited) -> None:
    audited.keeper.appoint(AUDITOR)
    bundle = audited.look(PATHS[3].format(audited.decision)).json()
    findings = verify_bundle(
        json.dumps(bundle, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    )
    assert not [one for one in findings if one.verdict == "broken"]
    assert all("2000" not in json.dumps(one["value"]) for one in bundle["values"].values())
    report = audited.look(PATHS[4].format(audited.decision)).json()
    assert report["result"] == "match" and {step["number"] for step in report["steps"]} >= {1, 2, 3, 4, 5}
    messages = audited.look(PATHS[5].format(audited.decision)).json()
    assert messages["asked"] is False and all(one["logs"] == [] for one in messages["items"])
    assert messages["items"], "named, though nobody was asked"
    changes = audited.look(PATHS[6].format(audited.decision)).json()
    assert changes["state"] == "asked" and changes["items"]
    assert all(one["needed"] is None for one in changes["items"] if one["sealed"])


def test_every_look_is_in_the_tracker_of_those_it_is_about(audited: Audited) -> None:
    audited.keeper.appoint(AUDITOR)
    before = len(audited.uses())
    assert audited.look(PATHS[2].format(audited.decision)).status == 200
    seen, *rest = audited.uses()
    assert len(rest) == before, "one more"
    extension = seen["extension"]
    assert (extension["legalGround"], extension["caseId"], extension["acting"]) == (
        BASIS,
        SCOPE.matter,
        "person",
    )
    assert seen["action"] == "An auditor read a decision about the person"
    for person in (CHILD, FATHER):
        assert audited.uses(person)[0]["extension"]["messageId"] == extension["messageId"] or person == FATHER
    total = audited.get(f"/findUsage?userCode=EE{MOTHER}").json()
    assert total["totalUsages"] == len(total["usages"])


def test_a_replay_is_written_down_once_a_day_for_an_auditor(audited: Audited) -> None:
    """A look that is repeated changes no figure; another day, or another auditor, is another line."""
    audited.keeper.appoint(AUDITOR)
    audited.keeper.appoint(SECOND)
    path = PATHS[4].format(audited.decision)

    def replays() -> list[tuple[str, str]]:
        with audited.register.kernel.engine.connect() as connection:
            return [
                tuple(row) for row in connection.execute(text("SELECT record, result FROM decision_replays"))
            ]

    for _ in range(3):
        assert audited.look(path).json()["result"] == "match"
    assert replays() == [(audited.decision, "match")]
    assert audited.look(path, SECOND).status == 200 and len(replays()) == 2
    audited.clock.forward(days=1)
    assert audited.look(path).status == 200 and len(replays()) == 3


WHOLE = replace(SCOPE, algorithms=("*",), services=("*",))


LESS: tuple[dict[str, Any], ...] = (
    {"algorithms": ("family-benefits",)},
    {"services": ("birth",)},
    {"bodies": ("GOV/70000003",)},
    {"first_day": date(2026, 3, 2)},
    {"last_day": date(2026, 3, 1)},
    {"matter": "AUDIT-2026-8"},
)


def test_a_sample_is_published_by_a_mandate_for_all_of_it(audited: Audited) -> None:
    """It is drawn from everything the body decided on its days: a mandate for less publishes none, and two do not add up to one."""
    audited.keeper.appoint(AUDITOR, replace(WHOLE, services=("move",)))
    new = {"name": "narrow", "first_day": "2026-03-01", "last_day": "2026-03-02", "size": 3}
    for scope in LESS:
        mandate = audited.keeper.appoint(AUDITOR, replace(WHOLE, **scope))
        refused(audited.look("/supervision/samples", body=new), 403, "out_of_scope")
        may = audited.look("/supervision/overview").json()["may_sample"]
        assert may is bool({"first_day", "last_day"} & scope.keys()), "of other days it may"
        audited.keeper.provider.mandates.withdraw(mandate, actor=OFFICE.identifier)
    for nobody in (OFFICIAL, f"EE{MOTHER}"):
        refused(audited.look("/supervision/samples", nobody, new), 403, "no_mandate")
    assert audited.get("/samples").json()["items"] == []


def test_messages_are_looked_for_a_page_at_a_time(audited: Audited) -> None:
    """What one look costs two bodies is bounded; what it left out it says."""
    audited.keeper.appoint(AUDITOR)
    asked: list[int] = []

    def logs(inputs: Any, by: Any, _case: str) -> dict[str, tuple[InLog, ...]]:
        ids = {one.message_id for one in inputs}
        asked.append(len(ids))
        return {one: (InLog("SILD/GOV/70000004/social", "holds", "has it"),) for one in ids}

    audited.register.deciding.logs = logs
    decision = decide_from(audited.register, messages=45)
    path = PATHS[5].format(decision)
    seen: list[str] = []
    after = ""
    while True:
        told = audited.look(f"{path}?after={after}" if after else path).json()
        assert (told["total"], told["first"]) == (45, len(seen) + 1) and told["asked"]
        assert all(one["logs"] for one in told["items"])
        seen += [one["message"] for one in told["items"]]
        after = told["next"]
        if not after:
            break
    assert len(set(seen)) == 45 and asked == [20, 20, 5]


def test_a_sample_is_published_before_it_is_drawn(audited: Audited) -> None:
    audited.keeper.appoint(AUDITOR, WHOLE)
    day = audited.clock.at.date()
    new = {"name": "march", "first_day": day.isoformat(), "last_day": day.isoformat(), "size": 3}
    made = audited.look("/supervision/samples", body=new)
    assert made.status == 201 and len(made.json()["seed"]) == 32
    refused(audited.look("/supervision/samples", body=new), 409, "sample_exists")
    (public,) = [one for one in audited.get("/samples").json()["items"] if one["name"] == "march"]
    assert public["seed"] == made.json()["seed"], "everybody knows it now"
    refused(audited.look("/supervision/samples/march"), 409, "sample_open")
    refused(audited.look("/supervision/samples/april"), 404, "unknown_sample")
    audited.clock.forward(days=1)
    drawn = audited.look("/supervision/samples/march").json()
    assert audited.decision in {one["id"] for one in drawn["items"]} and drawn["outside"] == 0
    assert drawn == audited.look("/supervision/samples/march").json(), "the same whoever draws"


def test_how_it_runs_and_others_like_it(audited: Audited) -> None:
    audited.keeper.appoint(AUDITOR)
    running = audited.look(PATHS[11]).json()
    assert running["automation"] == {"4": 2} and running["models"] == []
    (package,) = running["packages"]
    assert package["sha256"] in {one["sha256"] for one in running["loaded"]}
    cohorts = audited.look(PATHS[10]).json()
    (march,) = cohorts["months"]
    assert (march["month"], march["decisions"], march["by_effect"]) == ("2026-03", None, None), (
        "two is a small group"
    )


def test_a_finding_is_counted_with_what_it_touches(audited: Audited) -> None:
    audited.keeper.appoint(AUDITOR)
    about = f"/supervision/decisions/{audited.decision}"
    fact = next(
        one["name"]
        for one in audited.look(about).json()["record"]["inputs"]
        if one["message_id"] and one["name"].startswith("persons/")
    )
    touched = audited.look(f"{about}/affected?about=input&name={fact}").json()
    assert audited.decision in {one["id"] for one in touched["items"]}
    refused(audited.look(f"{about}/affected?about=input&name=persons/x/y"), 400, "unknown_input")
    new = {"finding": "case-9", "about": "package"}
    kept = audited.look(f"{about}/findings", body=new).json()
    assert audited.decision in kept["decisions"] and kept["affected"] >= 1
    assert audited.look(f"{about}/findings", body=new).status == 201, "once"
    figures = audited.get("/algorithms/family-benefits/figures").json()
    assert (figures["findings"], figures["findings_open"]) == (1, 1)
    assert audited.look(f"{about}/findings/case-9/end", body={"upheld": True}).status == 200
    refused(audited.look(f"{about}/findings/case-8/end", body={"upheld": True}), 404, "unknown_finding")
    figures = audited.get("/algorithms/family-benefits/figures").json()
    assert (figures["findings"], figures["findings_open"]) == (1, 0)


def test_of_what_lies_outside_the_mandate_a_finding_tells_only_how_much(audited: Audited) -> None:
    """By its own case, as the finding asks; that case opens nothing else."""
    audited.clock.forward(days=1)
    later = decide(audited.register)
    day = date(2026, 3, 2)
    audited.keeper.appoint(AUDITOR, replace(SCOPE, first_day=day, last_day=day))
    about = f"/supervision/decisions/{audited.decision}"
    own_case = {"X-Road-Issue": "case-9"}
    new = {"finding": "case-9", "about": "package"}
    kept = audited.look(f"{about}/findings", body=new, **own_case).json()
    assert later not in kept["decisions"] and kept["affected"] == len(kept["decisions"]) + 1
    refused(audited.look(about, **own_case), 403, "no_mandate")
    refused(
        audited.look(f"{about}/findings", body={**new, "finding": "case-8"}, **own_case), 403, "no_mandate"
    )


def test_a_finding_is_ended_where_it_was_found(audited: Audited) -> None:
    """Somebody whose mandate has one decision does not end what another wrote about another."""
    audited.keeper.appoint(AUDITOR)
    other = next(
        one["id"]
        for one in audited.look("/supervision/decisions").json()["items"]
        if one["id"] != audited.decision
    )
    new = {"finding": "case-9", "about": "decision"}
    assert audited.look(f"/supervision/decisions/{audited.decision}/findings", body=new).status == 201
    ending = f"/supervision/decisions/{other}/findings/case-9/end"
    refused(audited.look(ending, body={"upheld": False}), 404, "unknown_finding")
    assert audited.get("/algorithms/family-benefits/figures").json()["findings_open"] == 1
