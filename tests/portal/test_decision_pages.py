"""Decisions as people see them: explained, decided again, with evidence; a silent register named; the register of algorithms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from sild.cases import ExchangeAnswer
from sild.decisions import open_values
from sild.errors import CallerError, Unavailable
from sild.portal import DecisionSource
from sild.registries import SocialRegister
from sild.registries.deciding import KnownFact, Ruling
from sild.registries.education.statistics import statistics_of
from sild.registries.kernel import Usage
from support.clock import SetClock
from support.portal_world import MARI, PortalWorld

ID, OTHER = "019cadc6-9a80-7e40-9a35-f0ec7c361cc9", "019cadc6-9a80-7e40-9a35-f0ec7c361cd0"
SOURCES = tuple(
    DecisionSource(
        subsystem=f"GOV/{code}/{name}", title={"et": name, "vi": name, "en": f"Register of {name}"}
    )
    for code, name in (("70000004", "social"), ("70000003", "insurance"))
)
SEALED = {"sealed": "v1", "sha256": "0" * 64}
LINE = {"id": ID, "step": "grant", "effect": "grant", "automation": 4, "decided_at": "2026-03-02T09:00:00Z",
        "contest_until": "2099-04-01", "superseded_by": None}  # fmt: skip
RECORD: dict[str, Any] = {
    **LINE, "authority": "SILD/GOV/70000004", "algorithm": {"id": "family-benefits", "version": "1.0.0"},
    "rules": {"package": "gone", "version": "1.0.0", "sha256": "0" * 64},
    "kind": "rule",
    "trace": None,
    "remedy": {"deadline": "2099-04-01", "body": {"et": "A", "vi": "B", "en": "The court"}, "suspends": False},
    "legal_basis": [{"instrument": "Law of families", "article": "§ 17", "uri": "https://law.example"}],
    "parameters": [{"path": "grant", "value": "320", "valid_from": "2020-01-01", "article": "§ 20"}],
    "reasons": [{"text": {"en": SEALED, "et": SEALED, "vi": SEALED}, "article": "§ 20"}],
    "unknowns": [{"name": f"mother/income/2025-0{month}", "asked_of": "social", "blocking": True} for month in (1, 2, 3)],
    "inputs": [{"name": "persons/child/born/ETERNITY", "type": "date", "value": "2026-03-01", "message_id": "message-77",
                "register": "/SILD/GOV/70000004/social", "fetched_at": "2026-03-02T08:00:00Z", "asserted_by": "register"}],
    "outcome": {"items": [{"name": "family/birth_grant/ETERNITY", "type": "money", "value": "320.00", "currency": "EUR"}]},
    "counterfactual": [{"input": "family/older_siblings/ETERNITY", "needed": "2"}],
    "integrity": {"record_sha256": "f" * 64},
}  # fmt: skip
COUNTS = ("decisions", "automatic", "overridden", "with_unknowns", "contested", "contests_open", "overturned",
          "superseded", "replays_matched", "replays_mismatched", "replays_impossible")  # fmt: skip


class Registers:
    """Social decides; insurance is down."""

    def __init__(self) -> None:
        self.figures = dict.fromkeys(COUNTS, 0) | {"decisions": 100, "contested": 12, "overturned": 3}
        self.record: Any = RECORD
        self.changed: list[dict[str, Any]] = []
        self.told: dict[str, Any] = {}
        self.statistics: list[Any] | None = None

    async def call(
        self, service: str, method: str, path: str, *, acting: str, **_more: Any
    ) -> ExchangeAnswer:
        if service.endswith("insurance"):
            raise Unavailable("down", code="network_error")
        if path.endswith("/figures"):
            return ExchangeAnswer(200, self.figures, "m")
        if path.startswith("/places/statistics"):
            if self.statistics is None:
                raise Unavailable("down", code="network_error")
            return ExchangeAnswer(200, {"items": self.statistics}, "m")
        assert acting == MARI.subject
        if OTHER in path:
            return ExchangeAnswer(200, {"record": RECORD, "values": {}, "opened": False}, "m")
        answers = {
            f"/persons/{MARI.subject[2:]}/decisions": {"items": [LINE]},
            f"/decisions/{ID}": {"record": self.record, "values": {"v1": "The grant is 320 euros."}, "opened": True, "superseded_by": None, "changed": self.changed},
            f"/decisions/{ID}/replay": {"result": "mismatch", "steps": [], "difference": {"node": "family/birth_grant"}},
            f"/decisions/{ID}/bundle": {"record": RECORD},
        }  # fmt: skip
        path, _, query = path.partition("?")
        if path not in answers:
            raise CallerError("none", code="unknown_decision")
        if query.startswith("shown="):  # the register knows from then on that she has opened it
            answers[path] |= self.told
        return ExchangeAnswer(200, answers[path], "m")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PortalWorld]:
    world = PortalWorld(tmp_path, decision_sources=SOURCES)
    world.registers = Registers()  # type: ignore[attr-defined]
    monkeypatch.setattr(world.exchange, "call", world.registers.call)  # type: ignore[attr-defined]
    with world.running():
        yield world


def test_a_decision_line_by_line(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    listed = browser.open("/decisions?lang=en")
    assert "Register of insurance" in listed.text and "does not answer" in listed.text
    assert f"/decisions/social/{ID}" in listed.text
    page = browser.open(f"/decisions/social/{ID}")
    for words in ("320.00", "The grant is 320 euros.", "message-77", "3 times", "without a person", "Law of families",
                  "The court", "Something here is wrong"):  # fmt: skip
        assert words in page.text, words
    again = browser.request("POST", f"/decisions/social/{ID}/again", page.form("/again")["fields"])
    assert "The outcome is another" in again.text and "family/birth_grant" in again.text
    assert json.loads(browser.open(f"/decisions/social/{ID}/bundle").text) == {"record": RECORD}
    assert "def main" in browser.open("/decisions/verify_decision.py").text


def test_when_it_reached_her_and_what_the_last_day_is(world: PortalWorld) -> None:
    remedy = {**RECORD["remedy"], "deadline": "2026-04-01", "runs_from": "opened",
              "costs": {"amount": "0", "currency": "EUR", "basis": "profile"}}  # fmt: skip
    record = {**RECORD, "remedy": remedy, "in_force": "2026-03-02",
              "competence": {"delegation": "käskkiri 2026/12"}, "human": [{}],
              "hearing": {"answer_id": None, "waiver_ground": "HMS § 40 (3) 2"}}  # fmt: skip
    world.registers.record = record  # type: ignore[attr-defined]
    world.registers.told = {  # type: ignore[attr-defined]
        "reached": "2098-12-01", "contest_until": "2098-12-31", "effect_now": "suspended",
        "deliveries": [{"channel": "portal", "language": "en", "mine": True, "delivered_at": "2098-11-30T09:00:00Z",
                        "opened_at": "2098-12-01T09:00:00Z", "failed_at": None},
                       {"channel": "paper", "language": "et", "mine": False, "delivered_at": "2098-11-30T09:00:00Z",
                        "opened_at": None, "failed_at": None}]}  # fmt: skip
    browser = world.browser()
    browser.log_in()
    page = browser.open(f"/decisions/social/{ID}?lang=en")
    for words in ("31 December 2098", "when you opened it", "Contesting costs nothing", "you opened it on",
                  "Suspended now", "käskkiri 2026/12", "Not needed: HMS § 40 (3) 2"):  # fmt: skip
        assert words in page.text, words
    assert "On paper" not in page.text, "how it reached somebody else is theirs to know"
    for language, words in (("et", "kui otsuse avasid"), ("vi", "ngày bạn mở quyết định")):
        assert words in browser.open(f"/decisions/social/{ID}?lang={language}").text


def test_what_has_changed_since_the_decision_before(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    assert "What has changed" not in browser.open(f"/decisions/social/{ID}?lang=en").text
    world.registers.record = {**RECORD, "effect": "correct"}  # type: ignore[attr-defined]
    world.registers.changed = [  # type: ignore[attr-defined]
        {"kind": "outcome", "name": "family/birth_grant/ETERNITY", "before": "280.00", "after": "320.00"},
        {
            "kind": "fact",
            "name": "persons/child/born/ETERNITY",
            "before": "2026-02-27",
            "after": "2026-03-01",
        },
        {"kind": "fact", "name": "persons/gone/born/ETERNITY", "before": "2026-02-27", "after": None},
    ]
    page = browser.open(f"/decisions/social/{ID}")
    for words in ("What has changed", "before: €280.00", "27 Feb"):
        assert words in page.text, words


def test_nobody_elses_and_no_nonsense(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    for path in (
        f"/decisions/social/{OTHER}",
        "/decisions/social/1",
        f"/decisions/tax/{ID}",
        f"/decisions/social/{ID[:-1]}0",
    ):
        assert browser.open(path).status == 404, path  # fmt: skip
    world.registers.record = {"id": ID, "remedy": 7}  # type: ignore[attr-defined]
    page = browser.open(f"/decisions/social/{ID}")
    assert page.status == 400 and "Law of families" not in page.text


def test_algorithms_and_open_data(world: PortalWorld) -> None:
    browser = world.browser()
    for language in ("et", "vi", "en"):
        assert browser.open(f"/algorithms/family-benefits?lang={language}").status == 200
    page = browser.open("/algorithms/family-benefits")
    assert ">100<" in page.text and "Health Insurance Fund" in page.text, "counted, and who is silent"
    for form in ("minbzk", "atrs"):
        assert json.loads(browser.open(f"/algorithms/family-benefits.json?format={form}").text)
    assert browser.open("/algorithms/family-benefits.json?format=other").status == 404
    told = json.loads(browser.open("/open-data/contests.json").text)
    row = next(one for one in told["algorithms"] if one["algorithm"] == "family-benefits")
    assert (row["decisions"], row["contests"], row["ended"], row["overturned"]) == (100, 12, 12, None)
    assert row["registers_silent"] == ["GOV/70000003/insurance"]


def test_drift_and_fairness_of_a_model_stand_in_its_entry(world: PortalWorld) -> None:
    """As they are now, on the page and for other registers; a register that is silent is said to be."""
    browser, path = world.browser(), "/algorithms/kindergarten-demand"
    world.clock.forward(days=1)
    assert "does not answer now, so the drift cannot be told" in browser.open(f"{path}?lang=en").text
    assert json.loads(browser.open(f"{path}.json?format=atrs").text)["live_model"]["error_percent"] is None
    world.registers.statistics = [asdict(row) for row in statistics_of(2026) if row.year > 2020]  # type: ignore[attr-defined]
    world.clock.forward(days=1)
    page = browser.open(f"{path}?lang=en").text
    for words in ("Have the inputs moved?", "from 0.10 it is moving, from 0.25", "Does it err more for some?", "Urban", "Province with the greatest error"):  # fmt: skip
        assert words in page, words
    assert page.count("<rect") == 9, "one bar an input"
    live = json.loads(browser.open(f"{path}.json?format=atrs").text)["live_model"]
    assert len(live["drift"]["inputs"]) == 9 and live["error_percent"] > 0
    groups = {one["by"] for one in live["fairness"]}
    assert groups == {"kind", "province"} and all(
        (one["error_percent"] is None) == (one["communes"] is None) for one in live["fairness"]
    )
    assert "live_model" not in json.loads(browser.open("/algorithms/family-benefits.json?format=atrs").text)


def test_a_drift_test_is_linked_where_a_model_was_learnt(world: PortalWorld) -> None:
    """The assistant is of kind model and learnt none: its link leads to the assistant, which is no drift test."""
    browser = world.browser()
    say = world.portal._pages.texts.speaker("en")
    for entry, said, card in (
        ("kindergarten-demand", "drift_card", True),
        ("assistant", "drift_no_model", False),
        ("family-benefits", "drift_rules", False),
    ):
        page = unescape(browser.open(f"/algorithms/{entry}?lang=en").text)
        assert all(
            (say(f"algorithms.{one}") in page) == (one == said)
            for one in ("drift_card", "drift_no_model", "drift_rules")
        )
        assert (f'href="/models/{entry}"' in page) == card
        assert page.count('href="/assistant"') == browser.open("/algorithms?lang=en").text.count(
            'href="/assistant"'
        ), "the menu's alone"


def test_the_last_day_and_what_holds_until_the_answer(world: PortalWorld) -> None:
    """Whether the decision stands still while it is contested is said beside the button; after the last day there is none."""
    browser = world.browser()
    browser.log_in()
    for suspends, deadline, language, said in (
        (False, "2099-04-01", "en", "The decision holds while you wait for the answer."),
        (True, "2099-04-01", "vi", None),
        (False, "2020-01-31", "et", None),
    ):
        remedy = {**RECORD["remedy"], "suspends": suspends, "deadline": deadline}
        world.registers.record = {**RECORD, "remedy": remedy}  # type: ignore[attr-defined]
        page = browser.open(f"/decisions/social/{ID}?lang={language}")
        say = world.portal._pages.texts.speaker(language)
        told = say("decision.suspends" if suspends else "decision.not_suspends")
        assert told in page.text and (said is None or told == said)
        assert ("/wrong" in page.text) == (deadline > "2026"), "no button after the last day"
        assert (say("decision.too_late") in page.text) == (deadline < "2026")


def test_who_acted_for_another_and_by_what_right(world: PortalWorld) -> None:
    """And who was asked before, and said nothing."""
    browser = world.browser()
    browser.log_in()
    mandate = {"mandate": "parent-7", "chain_sha256": "c" * 64, "basis": "PARENT", "proof": "jti-1"}
    heard = {"required": True, "notice_id": "case-7"}
    world.registers.record = {**RECORD, "representation": mandate, "hearing": heard}  # type: ignore[attr-defined]
    page = browser.open(f"/decisions/social/{ID}?lang=en").text
    for words in ("A parent, for the child", "proved by the log-in", "Mandate parent-7", "c" * 64, "Asked, and said nothing"):  # fmt: skip
        assert words in page, words
    mandate |= {"basis": "RECORDED", "mandate": "assist-1"}
    page = browser.open(f"/decisions/social/{ID}?lang=vi").text
    assert "Nhân viên, tại quầy hoặc qua điện thoại" in page and "do nhân viên nêu" in page


def test_the_answer_to_a_contest_leads_to_what_was_contested(world: PortalWorld) -> None:
    """A person decided: there is nothing to run again, and the evidence is there as of any decision."""
    browser = world.browser()
    browser.log_in()
    contested = {**RECORD["inputs"][0], "name": "contested/decision", "value": OTHER}
    world.registers.record = {**RECORD, "step": "contest", "rules": None, "inputs": [contested]}  # type: ignore[attr-defined]
    page = browser.open(f"/decisions/social/{ID}").text
    assert "Answer to a contest" in page and f"/decisions/social/{OTHER}" in page
    assert "there are no rules to run again" in page and f"{ID}/again" not in page and f"{ID}/bundle" in page
    world.registers.record["inputs"][0] = {**contested, "value": "javascript:alert(1)"}  # type: ignore[attr-defined]
    assert "javascript:" not in browser.open(f"/decisions/social/{ID}").text


def test_facts_that_contradict_one_another_are_named(world: PortalWorld, tmp_path: Path) -> None:
    """A date of birth in the future, from the register's rules through its record to the page: told, and not called missing."""
    register = SocialRegister.open(tmp_path / "social", people=0, clock=SetClock())
    facts = [
        KnownFact("families/family/child", "role", ["child"], in_clear=True),
        KnownFact("persons/child/born/ETERNITY", "date", "2026-05-01"),
        KnownFact("families/family/older_siblings/ETERNITY", "int", 1),
    ]
    ruling = Ruling(
        country="EE", effect="hold", step="offer", service="birth", algorithm="family-benefits", purpose="benefits",
        subjects=((MARI.subject[2:], "parent"),), outcome="family_benefits.offer", case="case-7",
    )  # fmt: skip
    usage = Usage("SILD/GOV/70000001/portal", "once", user_id="automatic", issue="case-7", basis="PHS § 17")
    asked = [("family", "child_allowance", "ETERNITY")]
    try:
        judged = register.deciding.judge("ee-family-benefits", facts, at=date(2026, 4, 1), outputs=asked)
        with register.kernel.used("acceptOffer", usage) as use:
            record = register.deciding.record(use, judged, ruling)
            opened = open_values(register.deciding.store, use.connection, str(record.id))
        assert register.deciding.replay(str(record.id)).result == "match"
    finally:
        register.close()
    assert [one.why for one in record.unknowns] == ["born_in_future"]
    told = {**LINE, **record.to_json(), "id": ID, "integrity": {"record_sha256": record.sha256}}
    world.registers.told = {"record": told, "values": {ref: one.value for ref, one in opened.items()}}  # type: ignore[attr-defined]
    browser = world.browser()
    browser.log_in()
    for language, fact, why in (
        ("en", "Date of birth", "the child is born in the future only"),
        ("et", "Sünniaeg", "laps on sündinud alles tulevikus"),
        ("vi", "Ngày sinh", "ngày sinh ở tương lai"),
    ):
        page = unescape(browser.open(f"/decisions/social/{ID}?lang={language}").text)
        reasons, unknown = page.split('id="why"')[1].split('id="unknown"')
        unknown = unknown.split("</section>")[0]
        assert why in reasons and fact.lower() in reasons, "the reason says which facts"
        assert f"<strong>{fact}</strong>" in unknown and why in unknown
    assert "còn thiếu" not in page
