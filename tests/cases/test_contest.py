"""A contest: begun from a decision, in its time and once; told to the register; facts before the decision; nobody answers for their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sild.cases import CaseSystem, Contest, Refused
from sild.cases.birth_facts import bare
from sild.errors import CallerError

from .registers import REGISTERS
from .world import JUHAN, MARI, OFFICIAL, SYSTEM, World

SOCIAL = "GOV/70000004/social"
DECISION, NEWER = "019cadc6-9a80-7e40-9a35-f0ec7c361cc9", "019cadc6-9a80-7e40-9a35-f0ec7c361cd0"
HEARER = replace(OFFICIAL, authority="contest@70000004")
SAID = {"line": ["rule"], "statement": ["The rule is of last year."]}
SEALED = {"sealed": "v1", "sha256": "0" * 64}
RECORD = {
    "id": DECISION,
    "step": "grant",
    "authority": "SILD/GOV/70000004",
    "remedy": {"deadline": "2026-04-01"},
    "rules": None,
    "legal_basis": [],
    "parameters": [],
    "counterfactual": [],
    "unknowns": [{"name": "mother/income/2025-01", "asked_of": "social", "blocking": True}],
    "reasons": [{"code": "x", "article": "PHS § 20", "text": {"en": SEALED, "et": SEALED, "vi": SEALED}}],
    "inputs": [
        {"name": "persons/child/born/ETERNITY", "type": "date", "value": "2026-03-01", "register": "/SILD/GOV/70000002/population"}
    ],
    "outcome": {"items": [{"name": "family/birth_grant/ETERNITY", "type": "money", "value": "320.00", "currency": "EUR"}]},
}  # fmt: skip


class Contests(World):
    voucher: Any = None

    async def start(self) -> None:
        answers = self.registers.answers
        self.read = {
            "record": RECORD,
            "values": {"v1": "Because."},
            "opened": True,
            "took_part": False,
            "superseded_by": None,
        }
        answers["social", "GET", f"/decisions/{DECISION}"] = lambda call: {
            **self.read, "took_part": call.acting == "EE37001010001"
        }  # fmt: skip
        answers["social", "POST", f"/decisions/{DECISION}/contests"] = {}
        self.cases = CaseSystem.open(
            self.directory,
            system=SYSTEM,
            exchange=self.registers,
            packs=self.packs,
            processes=[Contest()],
            registers=REGISTERS,
            clock=self.clock,
            first_pause=timedelta(milliseconds=20),
            voucher=self.voucher,
        )
        await self.cases.start()

    async def contested(self, said=SAID) -> str:
        case = await self.cases.contest(MARI, SOCIAL, RECORD)
        end = f"/decisions/{DECISION}/contests/{case}/end"
        self.registers.answers["social", "POST", end] = {}
        await self.act(case, "CONTEST", MARI, said)
        return case

    async def until_asked(self, case: str, times: int) -> None:
        """So often it has been asked again by now."""
        async with asyncio.timeout(15):
            while [one.name for one in (await self.cases.view(case, MARI)).timeline].count(
                "ASK_AGAIN"
            ) < times:
                await asyncio.sleep(0.02)


@pytest.fixture
async def contests(tmp_path) -> AsyncIterator[Contests]:
    async with Contests(tmp_path) as world:
        yield world


async def test_from_the_button_to_the_answer(contests) -> None:
    begun = await contests.cases.contest(MARI, SOCIAL, RECORD)
    assert await contests.cases.desk(HEARER) == (), "nothing is contested yet"
    case = await contests.contested()
    assert await contests.cases.contest(MARI, SOCIAL, RECORD) == case == begun, "one contest of one decision"
    await contests.until(case, "READY", HEARER)
    [told] = [call for call in contests.registers.made("social", "POST") if call.path.endswith("/contests")]
    assert (told.body, told.acting) == ({"contest": case, "line": "rule"}, MARI.person)

    look = await contests.cases.fill(case, "contest.look", HEARER)
    shown = [str(line.value) for line in look.facts]
    assert "The rule is of last year." in shown and not any("320" in text for text in shown)
    early = await contests.cases.fill(case, "contest.desk", HEARER)
    assert not any("320" in str(line.value) for line in early.facts), "not before the own view"
    with pytest.raises(Refused):
        await contests.act(case, "UPHOLD", HEARER, {"reasons": ["So."]})
    await contests.act(case, "LOOK", HEARER, {"view": ["320 by law"]})
    desk = await contests.cases.fill(case, "contest.desk", HEARER)
    assert any("320" in str(line.value) for line in desk.facts)
    await contests.act(case, "UPHOLD", HEARER, {"reasons": ["The rule is of this year."]})
    view = await contests.until(case, "CLOSED", MARI)
    assert (view.results["answer"], view.results["reasons"]) == ("uphold", "The rule is of this year.")
    assert view.results["decisions"] == [["social", DECISION, "upheld"]]
    ended = [one for one in contests.registers.made("social", "POST") if one.path.endswith("/end")][-1]
    answer = ended.body.pop("answer")
    assert (ended.body, ended.acting) == ({"overturned": False}, HEARER.person)
    assert len(answer.pop("view_sha256")) == 64 and answer.pop("seconds") >= 0
    assert answer == {
        "country": "EE",
        "contested_by": bare(MARI.person),
        "language": "en",
        "view": "320 by law",
        "reasons": "The rule is of this year.",
        "posture": "managed",
    }, "what the body seals"
    with pytest.raises(Refused) as refused:
        await contests.cases.contest(MARI, SOCIAL, RECORD)
    assert refused.value.code == "contested_already"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("fact", ("Fakt on vale", "Một dữ kiện sai", "A fact is wrong")),
        ("missing_fact", ("Mõni fakt puudub", "Thiếu một dữ kiện", "A fact is missing")),
        ("rule", ("Reegel on vale", "Quy tắc sai", "The rule is wrong")),
        ("circumstances", ("Minu olukord on teistsugune", "Hoàn cảnh của tôi khác", "My circumstances are special")),
        ("person", ("Soovin, et otsustaks inimene", "Tôi muốn người quyết định", "A person should decide")),
    ],
)  # fmt: skip
async def test_every_kind_of_line(contests, line, words) -> None:
    """The body counts which kind it is; the official reads it in their own language, and the person's words as they are."""
    said = {
        "line": [line],
        "statement": ["So."],
        "fact": ["persons/child/born/ETERNITY"] if line == "fact" else [],
    }
    case = await contests.contested(said)
    await contests.until(case, "READY", HEARER)
    [told] = [call for call in contests.registers.made("social", "POST") if call.path.endswith("/contests")]
    assert told.body["line"] == line
    for language, word in zip(("et", "vi", "en"), words, strict=True):
        filled = await contests.cases.fill(case, "contest.look", replace(HEARER, language=language))
        assert {word, "So."} <= {str(one.value) for one in filled.facts}


async def overturned(contests: Contests) -> str:
    """It waits for the official to have it decided anew."""
    case = await contests.contested()
    await contests.until(case, "READY", HEARER)
    await contests.act(case, "LOOK", HEARER, {"view": ["wrong"]})
    await contests.act(case, "OVERTURN", HEARER, {"reasons": ["You are right."]})
    return case


def anew(contests: Contests, case: str, answer: object) -> str:
    path = f"/decisions/{DECISION}/contests/{case}/anew"
    contests.registers.answers["social", "POST", path] = answer
    return path


NOTHING_YET = {"supersedes": DECISION, "decision": None}


def left_at_once(contests: Contests):
    """The register is asked to decide by rule, and leaves it to people then, not before."""

    def answer(_call):
        contests.read["left"] = "by_people"
        return NOTHING_YET

    return answer


BY_HAND = {
    "line_one": ["family/birth_grant/ETERNITY"],
    "value_one": ["400,50"],
    "considerations": ["Twins."],
    **{f"reasons_{language}": ["So."] for language in ("et", "vi", "en")},
}


async def test_overturned_and_decided_anew_by_hand(contests) -> None:
    case = await overturned(contests)
    path = anew(contests, case, {"supersedes": DECISION, "decision": NEWER})
    await contests.until(case, "ANEW", HEARER)
    [item] = await contests.cases.desk(HEARER)
    assert item.case == case
    assert item.tasks == ("contest.anew", "contest.by_hand"), "two ways, a screen each"
    filled = await contests.cases.fill(case, "contest.by_hand", HEARER)
    assert [value for value, _ in filled.options["outcome"]] == ["family/birth_grant/ETERNITY"]
    for wrong in (
        {"value_one": ["much"]},
        {"value_one": []},
        {"line_one": []},
        {"considerations": []},
        {"reasons_vi": []},
    ):
        with pytest.raises(Refused):
            await contests.act(case, "BY_HAND", HEARER, {**BY_HAND, **wrong})
    await contests.act(case, "BY_HAND", HEARER, BY_HAND)
    view = await contests.until(case, "CLOSED", MARI)
    assert view.results["decisions"] == [["social", DECISION, "replaced"], ["social", NEWER, "newer"]], (
        "which stands"
    )
    [told] = [call for call in contests.registers.made("social", "POST") if call.path == path]
    assert told.acting == HEARER.person and len(told.body.pop("view_sha256")) == 64
    assert told.body.pop("seconds") >= 0 and told.body == {
        "by": "hand",
        "country": "EE",
        "contested_by": bare(MARI.person),
        "values": {"family/birth_grant/ETERNITY": "400.50"},
        "considerations": "Twins.",
        "reasons": dict.fromkeys(("et", "vi", "en"), "So."),
        "posture": "managed",
    }
    texts = {notice.text for notice in await contests.cases.inbox(MARI)}
    assert texts == {"contest.told_overturned", "contest.told_newer"}


async def test_overturned_and_decided_anew_by_rule(contests, monkeypatch) -> None:
    """The rules ask other registers first: the case waits, and finds the decision."""
    monkeypatch.setattr("sild.cases.contest.SOON", (timedelta(0),) * 1000)
    case = await overturned(contests)
    path = anew(contests, case, {"supersedes": DECISION, "decision": None})
    await contests.until(case, "ANEW", HEARER)
    await contests.act(case, "BY_RULE", HEARER, {})
    await contests.until(case, "DECIDING", MARI)
    contests.read["superseded_by"] = NEWER
    contests.cases._parts.jobs.wake()
    view = await contests.until(case, "CLOSED", MARI)
    assert ["social", NEWER, "newer"] in view.results["decisions"]
    [told] = [call for call in contests.registers.made("social", "POST") if call.path == path]
    assert told.body == {"by": "rule", "country": "EE", "contested_by": bare(MARI.person)}


@pytest.mark.parametrize("said", ["by_people", "later", "refused"])
async def test_what_the_rules_leave_to_people_comes_back(contests, said, monkeypatch) -> None:
    """No rule decides it, or none can: the official reads why, and decides by hand."""
    monkeypatch.setattr("sild.cases.contest.SOON", (timedelta(0),) * 1000)

    def no(_call):
        raise CallerError("no", code="not_by_hand", status=409)

    case = await overturned(contests)
    anew(
        contests,
        case,
        no if said == "refused" else left_at_once(contests) if said == "by_people" else NOTHING_YET,
    )
    await contests.until(case, "ANEW", HEARER)
    await contests.act(case, "BY_RULE", HEARER, {})
    if said == "later":
        await contests.until(case, "DECIDING", MARI)
        contests.read["left"] = "by_people"
    await contests.until(case, "ANEW", HEARER)
    words = "This cannot be decided by hand here" if said == "refused" else "No rule decides this"
    filled = await contests.cases.fill(case, "contest.anew", HEARER)
    assert words in {str(one.value) for one in filled.facts}
    anew(contests, case, {"supersedes": DECISION, "decision": NEWER})
    await contests.act(case, "BY_HAND", HEARER, BY_HAND)
    await contests.until(case, "CLOSED", MARI)


async def test_where_neither_can_decide_anew_the_official_says_what_was_done_instead(
    contests, monkeypatch
) -> None:
    """A given place, an entry of a birth: the person is told, and the case ends."""
    monkeypatch.setattr("sild.cases.contest.SOON", (timedelta(0),) * 1000)
    reason = "not_its_kind"

    def no(_call):
        raise CallerError("no", code=reason, status=409)

    async def too_early() -> None:
        with pytest.raises(Refused) as refused:
            await contests.act(case, "OTHERWISE", HEARER, instead)
        assert refused.value.code == "still_to_be_decided"

    words = {"et": "Koht jäi.", "vi": "Vẫn giữ chỗ.", "en": "The place was kept."}
    instead = {"considerations": ["Kept."], **{f"reasons_{one}": [text] for one, text in words.items()}}
    case = await overturned(contests)
    anew(contests, case, left_at_once(contests))
    await contests.until(case, "ANEW", HEARER)
    await too_early()
    await contests.act(case, "BY_RULE", HEARER, {})
    await contests.until(case, "ANEW", HEARER)
    await too_early()
    anew(contests, case, no)
    for reason in ("not_its_kind", "not_by_hand"):
        if reason == "not_by_hand":
            await too_early()
        await contests.act(case, "BY_HAND", HEARER, BY_HAND)
        await contests.until(case, "ANEW", HEARER)
    with pytest.raises(Refused):
        await contests.act(case, "OTHERWISE", HEARER, {**instead, "reasons_vi": []})
    await contests.act(case, "OTHERWISE", HEARER, instead)
    view = await contests.until(case, "CLOSED", MARI)
    assert view.results["instead"] == "The place was kept."
    assert "contest.told_otherwise" in {notice.text for notice in await contests.cases.inbox(MARI)}


async def test_decided_anew_before_anybody_was_asked(contests) -> None:
    """By a correction that came meanwhile."""
    case = await contests.contested()
    await contests.until(case, "READY", HEARER)
    await contests.act(case, "LOOK", HEARER, {"view": ["wrong"]})
    contests.read["superseded_by"] = NEWER
    await contests.act(case, "OVERTURN", HEARER, {"reasons": ["You are right."]})
    view = await contests.until(case, "CLOSED", MARI)
    assert ["social", NEWER, "newer"] in view.results["decisions"]
    texts = {notice.text for notice in await contests.cases.inbox(MARI)}
    assert texts == {"contest.told_overturned", "contest.told_newer"}


async def test_after_the_last_day(contests) -> None:
    contests.later(days=31)
    with pytest.raises(Refused) as refused:
        await contests.cases.contest(MARI, SOCIAL, RECORD)
    assert refused.value.code == "contest_too_late" and "2026-04-01" in refused.value.message


async def test_the_register_says_that_it_is_too_late(contests) -> None:
    def late(call):
        raise CallerError("too late", code="too_late", status=409)

    contests.registers.answers["social", "POST", f"/decisions/{DECISION}/contests"] = late
    case = await contests.contested()
    await contests.until(case, "REFUSED", MARI)
    assert [notice.text for notice in await contests.cases.inbox(MARI)] == ["contest.told_late"]


async def test_who_decided_does_not_answer_nor_does_a_stranger(contests) -> None:
    case = await contests.contested()
    await contests.until(case, "READY", HEARER)
    decided = replace(HEARER, person="EE37001010001")
    contests.registers.answers["population", "GET", "/persons/37001010001/relations"] = {"items": []}
    with pytest.raises(Refused) as refused:
        await contests.act(case, "LOOK", decided, {"view": ["fine"]})
    assert refused.value.code == "conflict_of_interest"
    for stranger in (JUHAN, OFFICIAL):
        with pytest.raises(Refused):
            await contests.cases.view(case, stranger)


async def test_late(contests) -> None:
    case = await contests.contested()
    await contests.until(case, "READY", HEARER)
    contests.later(days=12)
    async with asyncio.timeout(20):
        while not any(notice.text == "contest.told_reminded" for notice in await contests.cases.inbox(MARI)):
            contests.cases._parts.jobs.wake()
            await asyncio.sleep(0.05)
    [item] = await contests.cases.desk(HEARER)
    assert item.late


async def test_nobody_begins_one_from_nothing(contests) -> None:
    with pytest.raises(Refused) as refused:
        await contests.cases.open_case("contest", MARI, key="k1")
    assert refused.value.code == "contest_from_decision"
