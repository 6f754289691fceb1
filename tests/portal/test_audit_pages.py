"""The auditor's pages over a real register and a real keeper of mandates: each step of an audit, and everybody who may not look."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import pytest

from sild.cases import PublicFinding
from sild.decisions import end_ripple, keep_finding, open_ripple, uphold_finding, verifier_file
from sild.openid import AuditScope
from sild.portal import DecisionSource
from sild.registries.education.statistics import statistics_of
from support.audited import MOTHER, SCOPE, Keeper, audited_register, decide, decide_with_model, supervise
from support.portal_world import JAAN, MARI, PEETER, PlainBrowser, PortalWorld

STATISTICS = [asdict(row) for row in statistics_of(2026) if row.year > 2020]
SOURCE = DecisionSource(
    subsystem="GOV/70000004/social", title={"et": "Toetused", "vi": "Trợ cấp", "en": "Register of benefits"}
)


class Audit(PortalWorld):
    keeper: Keeper
    decision: str


@pytest.fixture
def audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Audit]:
    world = Audit(tmp_path, decision_sources=(SOURCE,))
    with ExitStack() as opened:
        register, wire, world.decision = opened.enter_context(
            audited_register(tmp_path / "social", world.clock)
        )
        world.keeper = supervise(register, world.provider)
        world.wire, world.social = wire, register  # type: ignore[attr-defined]
        monkeypatch.setattr(world.exchange, "call", wire.call)
        opened.enter_context(world.running())
        yield world


WHOLE = replace(SCOPE, algorithms=("*",), services=("*",))


def auditor(audit: Audit, language: str = "en", scope: AuditScope = SCOPE) -> PlainBrowser:
    audit.keeper.appoint(JAAN.subject, scope)
    browser = audit.browser()
    browser.language = language
    browser.log_in(JAAN)
    return browser


def check(browser: PlainBrowser, audit: Audit, what: str) -> str:
    root = f"/audit/decisions/social/{audit.decision}"
    form = browser.open(root).form(f"/{what}")["fields"]
    page = browser.request("POST", f"{root}/{what}", form)
    assert page.status == 200, page.text
    return page.text


@pytest.mark.parametrize("language", ["et", "vi", "en"])
def test_an_audit_in_every_language(audit: Audit, language: str) -> None:
    browser = auditor(audit, language)
    home = browser.open("/audit")
    assert home.status == 200 and audit.decision in home.text and "AUDIT-2026-7" in home.text
    for path in (
        f"/audit/decisions/social/{audit.decision}",
        "/audit/algorithms/family-benefits",
        "/findings",
    ):
        page = browser.open(path)
        assert page.status == 200 and len(page.text) < 50_000, path
    for what in ("verify", "replay", "messages", "what-if"):
        assert len(check(browser, audit, what)) < 50_000


def test_found_by_its_number_and_in_no_other_way(audit: Audit) -> None:
    browser = auditor(audit)
    found = browser.open(f"/audit/find?number={audit.decision.upper()}%20")
    assert found.path == f"/audit/decisions/social/{audit.decision}"
    for number in (
        "",
        "x" * 36,
        "../audit",
        audit.decision[:-1],
        audit.decision[:-1] + ("0" if audit.decision[-1] != "0" else "1"),
    ):
        assert browser.open(f"/audit/find?number={number}").status == 404, number


def test_verified_here_and_on_ones_own_machine(audit: Audit, tmp_path: Path) -> None:
    browser = auditor(audit)
    text = check(browser, audit, "verify")
    assert "Nothing is broken" in text and "holds" in text and "cannot tell" in text
    bundle = browser.open(f"/audit/decisions/social/{audit.decision}/bundle").text
    (tmp_path / "bundle.json").write_text(bundle)
    ran = subprocess.run(
        [sys.executable, "-I", str(verifier_file()), str(tmp_path / "bundle.json")],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 2, (
        ran.stdout
    )  # nothing broken; without certificates from elsewhere it cannot tell all
    assert "1200.01" not in bundle


def test_replayed_with_its_steps_and_its_messages_named(audit: Audit) -> None:
    browser = auditor(audit)
    assert "The outcome is the same" in check(browser, audit, "replay")
    messages = check(browser, audit, "messages")
    assert "message-3" in messages and "not asked yet" in messages


def test_what_if_shows_no_sealed_value(audit: Audit) -> None:
    browser = auditor(audit)
    text = check(browser, audit, "what-if")
    assert "Sealed: not shown to you." in text and "1200" not in text
    assert audit.clock is not None


def test_delicate_classes_open_with_a_second_auditor(audit: Audit) -> None:
    browser = auditor(audit)
    root = f"/audit/decisions/social/{audit.decision}"
    page = browser.open(root)
    assert "1200.01" not in page.text and "a second auditor has to release it" in page.text
    form = page.form("/release")["fields"]
    assert browser.request("POST", f"{root}/release", {**form, "reason": ""}).status == 422
    asked = browser.open(
        f"{root}/release", "POST", {**form, "class": "income", "reason": "The sum is in doubt."}
    )
    assert "waits for a second auditor" in asked.text
    assert "The sum is in doubt." not in browser.open("/audit").text, "nobody answers themselves"

    audit.keeper.appoint(PEETER.subject)
    second = audit.browser()
    second.log_in(PEETER)
    desk = second.open("/audit")
    assert "The sum is in doubt." in desk.text
    answer = next(one for one in desk.parsed.forms if "/audit/releases/" in one["action"])
    assert second.open(answer["action"], "POST", {**answer["fields"], "do": "grant"}).status == 200
    assert "1,200.01" in browser.open(root).text
    assert "1,200.01" not in second.open(root).text, "for who asked"


def test_a_mandate_for_less_is_told_that_it_publishes_no_sample(audit: Audit) -> None:
    page = auditor(audit).open("/audit")
    assert "your mandate is for less" in page.text
    assert not [one for one in page.parsed.forms if "/audit/samples/" in one["action"]]


def test_a_sample_by_a_published_seed(audit: Audit) -> None:
    browser = auditor(audit, scope=WHOLE)
    form = browser.open("/audit").form("/audit/samples/social")["fields"]
    day = audit.clock.at.date().isoformat()
    sent = {**form, "name": "today", "first_day": day, "last_day": day, "size": "5"}
    assert browser.request("POST", "/audit/samples/social", {**sent, "name": "No spaces!"}).status == 422
    browser.open("/audit/samples/social", "POST", sent)
    public = json.loads(audit.browser().open("/open-data/samples.json").text)["GOV/70000004/social"]
    assert [one["name"] for one in public] == ["today"]
    assert browser.open("/audit/samples/social/today").status == 409
    audit.clock.forward(days=1)
    browser = audit.browser()
    browser.log_in(JAAN)
    drawn = browser.open("/audit/samples/social/today")
    assert public[0]["seed"] in drawn.text and audit.decision in drawn.text


def test_others_like_it_and_entry_against_reality(audit: Audit) -> None:
    browser = auditor(audit)
    page = browser.open("/audit/algorithms/family-benefits")
    assert "The entry is what runs" in page.text and "Rules by hash" in page.text
    assert ">few<" in page.text, "one decision is a small group"
    for _ in range(5):
        decide(audit.social)  # type: ignore[attr-defined]
    assert "granted 6" in browser.open("/audit/algorithms/family-benefits").text
    audit.social.deciding.packages = {}  # type: ignore[attr-defined]  # the files on disk are others now
    assert "Differences: 1" in browser.open("/audit/algorithms/family-benefits").text
    assert browser.open("/audit/algorithms/kindergarten-queue").status == 403


def test_what_a_model_said_and_what_the_official_saw(audit: Audit) -> None:
    audit.decision = decide_with_model(audit.social)  # type: ignore[attr-defined]
    browser = auditor(audit)
    text = browser.open(f"/audit/decisions/social/{audit.decision}").text
    for words in ("places=12.5", "how many places", "ab" * 32, "cd" * 32, "in the body&#39;s own process", "statistics", "73 s",
                  "overrode", "A group closes.", "Own view before the suggestion"):  # fmt: skip
        assert words in text, words
    assert "there are no rules to ask" in check(browser, audit, "what-if")
    assert "It cannot be told any more" in check(browser, audit, "replay")
    page = browser.open("/audit/algorithms/family-benefits")
    assert "Models in a rule decision" in page.text and "Differences: 1" in page.text, (
        "the entry says that rules decide"
    )


def test_a_finding_begins_a_case(audit: Audit) -> None:
    browser = auditor(audit)
    root = f"/audit/decisions/social/{audit.decision}"
    form = browser.open(root).form("/finding")["fields"]
    answer = browser.request("POST", f"{root}/finding", form)
    assert answer.status == 303 and answer.headers["location"].endswith("/screens/finding.write")
    (found,) = audit.cases.found
    assert (found[0], found[1]["id"], found[2]["matter"]) == (JAAN.subject, audit.decision, SCOPE.matter)


def test_everybody_sees_how_findings_stand(audit: Audit) -> None:
    audit.cases.public = [
        PublicFinding("S-2026-1", "GOV/70000004/social", "family-benefits", "The rule <b>is</b> old", "grave", "package", "LATE",
                      audit.clock.at, audit.clock.at.date() + timedelta(days=30), None, 7)
    ]  # fmt: skip
    page = audit.browser().open("/findings")
    assert "The rule &lt;b&gt;is&lt;/b&gt; old" in page.text and "Social Insurance Board" in page.text
    (told,) = json.loads(audit.browser().open("/open-data/findings.json").text)["findings"]
    assert (told["status"], told["affected"]) == ("LATE", 7)


def test_everybody_sees_what_became_of_what_a_finding_touches(audit: Audit) -> None:
    finding = PublicFinding("S-2026-1", "GOV/70000004/social", "family-benefits", "The rule is old", "grave", "package",
                            "ANSWERED", audit.clock.at, audit.clock.at.date() + timedelta(days=30), None, 7)  # fmt: skip
    audit.cases.public = [finding, replace(finding, number="S-2026-2")]
    store = audit.social.deciding.store  # type: ignore[attr-defined]
    with store.engine.begin() as connection:
        keep_finding(store, connection, "case-1", audit.decision, about="decision")
        found = uphold_finding(store, connection, "case-1", answer=1, number="S-2026-1", official="o")
        ripple = open_ripple(
            connection, cause=found.cause, decision=audit.decision, concept="finding", source="s", fact="S-2026-1",
            at=audit.clock.at,
        )  # fmt: skip
    page = audit.browser().open("/findings").text
    assert page.count("Decided anew") == 1 and "Calculate family benefits" in page
    with store.engine.begin() as connection:
        end_ripple(connection, str(ripple), "unchanged", at=audit.clock.at)

    def told() -> list[object]:
        findings = json.loads(audit.browser().open("/open-data/findings.json").text)["findings"]
        return [one["became"] for one in findings]

    assert told() == [{"redecided": 0, "waiting": 1, "unchanged": 0}, None], "for a minute nobody asks again"
    audit.clock.forward(minutes=1)
    assert told() == [{"redecided": 0, "waiting": 0, "unchanged": 1}, None]
    audit.clock.forward(minutes=1)
    audit.wire.is_down = True  # type: ignore[attr-defined]
    assert told() == [None, None]
    assert "The register does not answer now." in audit.browser().open("/findings").text


def test_how_far_a_model_has_drifted_since_it_was_trained(audit: Audit) -> None:
    """Of a model that is published: dated, with its limits and in words; a small group is not told of, nor a silent register."""
    audit.decision = decide_with_model(audit.social, "kindergarten-demand")  # type: ignore[attr-defined]
    browser, path = auditor(audit), f"/audit/decisions/social/{audit.decision}"
    wire = audit.wire  # type: ignore[attr-defined]
    text = browser.open(path).text
    assert "22 November 2026" in text and "does not answer now, so the drift cannot be told" in text
    wire.statistics = STATISTICS
    audit.clock.forward(minutes=2)
    text = browser.open(path).text
    for words in ("Last training", "from 0.100 it is moving, from 0.250", "population stability index",
                  "from the figures of 2026", 'href="/models/kindergarten-demand"', "Another version of the model"):  # fmt: skip
        assert words in text, words
    assert any(
        words in text for words in ("is as in its training", "is moving away", "is no longer what it learned")
    )
    few = [row for row in STATISTICS if row["commune"] in ("0793", "0784")]
    wire.statistics = few
    audit.clock.forward(hours=2)
    browser.log_in(JAAN)
    text = browser.open(path).text
    assert "Fewer than 5 communes" in text and "from the figures of" not in text


def test_an_auditor_finds_the_desk_from_home_and_nobody_else_does(audit: Audit) -> None:
    link = 'href="/audit"'
    assert link in auditor(audit).open("/home").text
    citizen = audit.browser()
    citizen.log_in(MARI)
    assert link not in citizen.open("/home").text
    audit.keeper.down = True
    audit.clock.forward(minutes=6)
    citizen.log_in(PEETER)
    assert citizen.open("/home").status == 200, "a keeper that is down closes nobody's home"


def test_codes_are_told_in_words(audit: Audit) -> None:
    page = auditor(audit, scope=replace(WHOLE, algorithms=("family-benefits",), services=("birth",))).open(
        "/audit"
    )
    assert ">Calculate family benefits</a>" in page.text and ">family-benefits<" not in page.text


# --- who may not look


PAGES = ("/audit", "/audit/find?number=x", "/audit/samples/social/x", "/audit/algorithms/family-benefits", "/audit/decisions/social/{}",
         "/audit/decisions/social/{}/bundle")  # fmt: skip


def test_a_citizen_and_an_official_are_told_plainly(audit: Audit) -> None:
    citizen, official = audit.browser(), audit.browser()
    citizen.log_in(MARI)
    official.log_in_as_official()
    for browser in (citizen, official):
        for path in PAGES:
            page = browser.open(path.format(audit.decision))
            assert page.status == 403 and "for auditors whose mandate stands" in page.text, path


def test_out_of_scope_is_refused_and_written_down(audit: Audit) -> None:
    audit.keeper.appoint(JAAN.subject, replace(SCOPE, services=("move",)))
    browser = audit.browser()
    browser.log_in(JAAN)
    page = browser.open(f"/audit/decisions/social/{audit.decision}")
    assert page.status == 403 and "outside your mandate" in page.text and "written down" in page.text
    seen = audit.social.kernel.usage_of(MOTHER).entries  # type: ignore[attr-defined]
    assert (seen[0].operation, seen[0].outcome) == ("superviseDecision", "out_of_scope")


def test_a_mandate_is_asked_for_at_each_request(audit: Audit) -> None:
    mandate = audit.keeper.appoint(JAAN.subject)
    browser = audit.browser()
    browser.log_in(JAAN)
    assert browser.open("/audit").status == 200
    audit.provider.mandates.withdraw(mandate, actor=JAAN.subject)
    assert browser.open("/audit").status == 403
    assert browser.open(f"/audit/decisions/social/{audit.decision}").status == 403


def test_what_does_not_answer_is_named(audit: Audit) -> None:
    browser = auditor(audit)
    audit.wire.is_down = True  # type: ignore[attr-defined]
    assert browser.open("/audit").status == 200, "the mandate is shown, and who does not answer"
    assert browser.open(f"/audit/decisions/social/{audit.decision}").status == 503
    audit.wire.is_down = False  # type: ignore[attr-defined]
    audit.keeper.down = True
    assert browser.open(f"/audit/decisions/social/{audit.decision}").status == 503


def test_a_look_is_in_the_tracker_with_ground_and_file(audit: Audit) -> None:
    browser = auditor(audit)
    browser.open(f"/audit/decisions/social/{audit.decision}")
    entry = audit.social.kernel.usage_of(MOTHER).entries[0]  # type: ignore[attr-defined]
    assert (entry.operation, entry.usage.user_id, entry.usage.basis, entry.usage.issue) == (
        "superviseDecision", JAAN.subject, SCOPE.basis, SCOPE.matter,
    )  # fmt: skip
