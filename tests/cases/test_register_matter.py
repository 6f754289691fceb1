"""A matter of a register: opened by its event, on the right desk with a day, decided by who is not near, done by the register, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from sild.cases import CaseSystem, Refused, RegisterMatter
from sild.cases.tables import proofs
from sild.errors import CallerError, Unavailable
from sild.events import Event
from sild.openid import ActingPerson, parse_jwks, render_jwks, verify_acting
from support.acting import ISSUER, Vouching, signing_key

from .registers import REGISTERS, Call
from .test_contest import RECORD
from .world import JUHAN, MARI, OFFICIAL, SYSTEM, World

SOCIAL = "/SILD/GOV/70000004/social"
DESK = replace(OFFICIAL, authority="matter@70000004")
REASONS = {"words": ["Finland pays nothing."]}
MATTER: dict[str, Any] = {
    "id": "held_offer/o-1", "kind": "held_offer", "state": "waiting", "since": "2026-03-02T09:00:00Z", "due": "2026-03-16",
    "persons": ["38001085718"], "said": "", "case": "case-7",
    "facts": [{"name": "held_because", "value": "lives_abroad", "about": "", "source": "", "basis": "", "valid_from": None}],
    "evidence": {"record": RECORD, "values": {"v1": "Because."}},
}  # fmt: skip
DISPUTED = {
    **MATTER, "id": "dispute/d-1", "kind": "dispute", "said": "I earned more.", "evidence": None,
    "facts": [{"name": "fact", "value": "2000 EUR", "about": "person.contributions", "source": "employers' declarations",
               "basis": "SMS § 2", "valid_from": "2025-01-01"},
              {"name": "proposed", "value": "2400.00", "about": "", "source": "", "basis": "", "valid_from": None}],
}  # fmt: skip


class Matters(World):
    async def start(self) -> None:
        answers = self.registers.answers
        answers["social", "GET", "/matters/held_offer/o-1"] = MATTER
        answers["social", "GET", "/matters/dispute/d-1"] = DISPUTED
        answers["social", "POST", "/offers/o-1/release"] = {"decision": RECORD["id"], "state": "open"}
        answers["social", "POST", "/disputes/d-1/correction"] = {"state": "CORRECTED"}
        answers["social", "POST", "/disputes/d-1/refusal"] = {"state": "REFUSED"}
        self.cases = CaseSystem.open(
            self.directory, system=SYSTEM, exchange=self.registers, packs=self.packs,
            processes=[RegisterMatter(self.packs)], registers=REGISTERS, clock=self.clock,
            voucher=Vouching(self.clock), first_pause=timedelta(milliseconds=20),
        )  # fmt: skip
        await self.cases.start()

    async def tell(self, kind: str, key: str, *persons: str, event: str = "opened") -> None:
        told = Event(
            id=f"{event}-{kind}-{key}", source=SOCIAL, type=f"matter.{event}", subject=(*persons, "x")[0],
            time=datetime(2026, 3, 2, 9, 0, tzinfo=UTC), data={"kind": kind, "key": key, "persons": list(persons)},
            extensions={"caseid": "case-7"},
        )  # fmt: skip
        await self.cases.take_event(told, f"m-{event}-{key}")

    async def waiting(self, kind: str = "held_offer", key: str = "o-1", desk=DESK) -> str:
        await self.tell(kind, key, "38001085718")
        async with asyncio.timeout(15):
            while not (found := [one for one in await self.cases.desk(desk) if one.status == kind.upper()]):
                await asyncio.sleep(0.02)
        return found[0].case


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[Matters]:
    async with Matters(tmp_path) as world:
        yield world


async def test_a_held_offer_from_the_event_to_the_family(world: Matters) -> None:
    case = await world.waiting()
    (item,) = await world.cases.desk(DESK)
    assert (str(item.promise), item.late, item.tasks) == ("2026-03-16", False, ("register_matter.offer",))
    filled = await world.cases.fill(case, "register_matter.offer", DESK)
    values = {line.label: line.value for line in filled.facts}
    assert values["Why it is held"] == "A parent lives in another country"
    assert any("Because." in str(value) for value in values.values()), "the decision's reasons"
    asked = world.registers.made("social", "GET")[-1]
    assert asked.path == "/matters/held_offer/o-1"
    assert (asked.case, asked.acting, asked.basis) == (case, DESK.person, "HMS § 6")
    assert shown_by(asked, world).action == "look"
    await world.cases.take(case, DESK, key="take")
    world.later(minutes=2)
    acted = await world.cases.act(case, "LET_GO", DESK, REASONS, key="once")
    again = await world.cases.act(case, "LET_GO", DESK, REASONS, key="once")
    assert (again.seq, again.again) == (acted.seq, True), "the back button"
    view = await world.until(case, "CLOSED", DESK)
    (made,) = [one for one in world.registers.made("social", "POST") if one.path.startswith("/offers/")]
    assert (made.path, made.acting, made.case) == (
        "/offers/o-1/release",
        DESK.person,
        case,
    )
    assert (made.body["words"], made.body["posture"], made.body["seconds"]) == (
        "Finland pays nothing.", "managed", 120,
    )  # fmt: skip
    assert len(made.body["view_sha256"]) == 64
    assert view.results["outcome"] == "let_go" and view.clocks[0].kept_on is not None
    assert [one.text for one in await world.cases.inbox(MARI)] == ["register_matter.told_let_go"]
    mine = await world.cases.view(case, MARI)
    assert mine.results["decisions"] == [["social", RECORD["id"], "register_matter"]]
    assert not mine.tasks and await world.cases.desk(DESK) == ()
    seen = await world.cases.seen(case, acted.seq, DESK)
    assert [line.value for line in seen.facts] == [line.value for line in filled.facts]


async def test_who_decided_is_proved_hours_later_too(world: Matters) -> None:
    """The register is away, the case system ends: the proof lies with the action, says when it was, and names the case."""
    case = await world.waiting()
    release = "social", "POST", "/offers/o-1/release"

    def away(_call):
        raise Unavailable("away", code="network_error")

    good, world.registers.answers[release] = world.registers.answers[release], away
    await world.act(case, "LET_GO", DESK, REASONS)
    async with asyncio.timeout(15):
        while not world.registers.made("social", "POST"):
            await asyncio.sleep(0.02)
    await world.cases.stop()
    pressed = world.now
    world.later(hours=6)
    world.registers.answers[release] = good
    await world.start()
    await world.until(case, "CLOSED", DESK)
    first, *_, last = [call for call in world.registers.made("social", "POST") if call.path == release[2]]
    assert last.proof == first.proof, "no other, however often it is said"
    person = shown_by(last, world)
    assert (person.subject, person.action, person.acted_at, person.is_official) == (
        DESK.person,
        "act",
        pressed,
        True,
    )
    with (
        pytest.raises(IntegrityError, match="append-only"),
        world.cases._parts.store.engine.begin() as connection,
    ):
        connection.execute(proofs.delete())


def shown_by(call: Call, world: Matters) -> ActingPerson:
    """What the register finds in the message."""
    assert call.proof is not None and call.case is not None
    return verify_acting(
        call.proof,
        parse_jwks(render_jwks([signing_key()])),
        issuer=ISSUER,
        register=SOCIAL.strip("/"),
        system=SYSTEM.strip("/"),
        person=call.acting,
        case=call.case,
        represented=call.represented,
        at=world.now,
    )


async def test_a_disputed_fact_is_corrected_or_stands(world: Matters) -> None:
    case = await world.waiting("dispute", "d-1")
    facts = {
        line.label: line for line in (await world.cases.fill(case, "register_matter.dispute", DESK)).facts
    }
    assert facts["What the person said"].value == "I earned more."
    assert (facts["Declared pay"].value, facts["Declared pay"].basis) == ("€2,000.00", "SMS § 2")
    with pytest.raises(Refused) as refused:
        await world.act(case, "CORRECT", DESK, REASONS)
    assert [one.field for one in refused.value.defects] == ["value"], "what is right has to be said"
    with pytest.raises(Refused):
        await world.act(case, "LET_GO", DESK, REASONS)

    def no(_call):
        raise CallerError("not money", code="urn:sild:social.invalid_value", status=400)

    world.registers.answers["social", "POST", "/disputes/d-1/correction"] = no
    await world.act(case, "CORRECT", DESK, {**REASONS, "value": ["much"]})
    await world.until(case, "DISPUTE", DESK)
    back = (await world.cases.fill(case, "register_matter.dispute", DESK)).facts[0]
    assert back.value.startswith("Such a value cannot be. A day is written"), (
        "the register said no: the desk sees why, and may try again"
    )
    world.registers.answers["social", "POST", "/disputes/d-1/correction"] = {"state": "CORRECTED"}
    await world.act(case, "CORRECT", DESK, {**REASONS, "value": ["2400.00"]})
    view = await world.until(case, "CLOSED", DESK)
    assert world.registers.made("social", "POST")[-1].body == {
        "text": "2400.00",
        "reason": "Finland pays nothing.",
    }
    assert view.results["outcome"] == "corrected"


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ({"posture": "unmanaged"}, "read_only_device"),
        ({"acr": "substantial"}, "level_too_low"),
        ({"authority": "matter@70000003"}, "not_yours"),
        ({"authority": "contest@70000004"}, "not_yours"),
        ({"person": MARI.person}, "conflict_of_interest"),
    ],
)
async def test_who_may_not(world: Matters, who: dict, code: str) -> None:
    case = await world.waiting()
    world.registers.answers["population", "GET", f"/persons/{MARI.person[2:]}/relations"] = {"items": []}
    with pytest.raises(Refused) as refused:
        await world.act(case, "LET_GO", replace(DESK, **who), REASONS)
    assert refused.value.code == code
    assert world.registers.made("social", "POST") == []


async def test_a_relative_gives_it_back(world: Matters) -> None:
    case = await world.waiting()
    kin = {"items": [{"code": "38001085718", "relation": "brother"}]}
    world.registers.answers["population", "GET", "/persons/36805280109/relations"] = kin
    with pytest.raises(Refused) as refused:
        await world.act(case, "LET_GO", DESK, REASONS)
    assert refused.value.code == "conflict_of_interest" and world.registers.made("social", "POST") == []


async def test_it_ends_elsewhere_and_nobody_is_asked_any_longer(world: Matters) -> None:
    case = await world.waiting()
    await world.tell("held_offer", "o-1", "38001085718", event="settled")
    await world.until(case, "OVERTAKEN", MARI)
    assert await world.cases.desk(DESK) == ()
    other = await world.waiting("dispute", "d-1")

    def over(_call):
        raise CallerError("answered before", code="dispute_is_closed", status=409)

    world.registers.answers["social", "POST", "/disputes/d-1/refusal"] = over
    await world.act(other, "KEEP", DESK, REASONS)
    await world.until(other, "OVERTAKEN", MARI)


async def test_late_it_says_so_and_silence_after_a_death(world: Matters) -> None:
    case = await world.waiting()
    world.later(days=20)
    world.cases._parts.jobs.wake()
    async with asyncio.timeout(15):
        while not await world.cases.inbox(MARI):
            await asyncio.sleep(0.02)
    assert [one.text for one in await world.cases.inbox(MARI)] == ["register_matter.told_late"]
    (item,) = await world.cases.desk(DESK)
    assert item.late
    died = Event(
        id="e-death", source="/SILD/GOV/70000002/population", type="civil.death.registered", subject="38001085718",
        time=datetime(2026, 3, 20, 9, 0, tzinfo=UTC), data={}, extensions={},
    )  # fmt: skip
    await world.cases.take_event(died, "m-death")
    await world.act(case, "LET_GO", DESK, REASONS)
    await world.until(case, "CLOSED", DESK)
    assert await world.cases.inbox(MARI) == (), "nothing is sent any more"


async def test_a_register_that_is_down_and_an_event_that_names_nothing(world: Matters) -> None:
    case = await world.waiting()
    world.registers.trouble["social"] = "down"
    (line,) = (await world.cases.fill(case, "register_matter.offer", DESK)).facts
    assert line.unknown_reason == "register_down"
    with pytest.raises(Refused) as refused:
        await world.act(case, "LET_GO", DESK, REASONS)
    assert refused.value.code == "register_down"
    await world.tell("nonsense", "n-1", "38001085718")
    assert len(await world.cases.desk(DESK)) == 1
    with pytest.raises(CallerError):
        await world.cases.open_case("register_matter", JUHAN, key="k" * 32)


RIPPLE: dict[str, Any] = {
    **MATTER, "id": "ripple/r-1", "kind": "ripple",
    "facts": [{"name": "listed_because", "value": "payment", "about": "", "source": "", "basis": "", "valid_from": None}],
}  # fmt: skip
ANEW = {
    "line_one": ["family/birth_grant/ETERNITY"], "value_one": ["1000.00"], "considerations": ["The pay."],
    "reasons_et": ["Palk."], "reasons_vi": ["Lương."], "reasons_en": ["The pay."],
}  # fmt: skip


async def test_an_earlier_decision_is_decided_anew_by_hand(world: Matters) -> None:
    """Who may lose by it is asked, answers, and reads the new decision; what the register refuses comes back to the desk."""
    answers = world.registers.answers
    answers["social", "GET", "/matters/ripple/r-1"] = RIPPLE
    end = "social", "POST", "/ripples/r-1/end"

    def contested(_call):
        raise CallerError("contested", code="urn:sild:social.is_contested", status=409)

    answers[end] = contested
    case = await world.waiting("ripple", "r-1")
    filled = await world.cases.fill(case, "register_matter.anew", DESK)
    assert "family/birth_grant/ETERNITY" in dict(filled.options["outcome"]), filled.options
    with pytest.raises(Refused) as refused:
        await world.act(case, "DECIDE_ANEW", DESK, {**ANEW, "hearing": ["heard"]})
    assert [(one.field, one.reason) for one in refused.value.defects] == [("hearing", "not_heard")]
    await world.act(case, "HEAR", DESK, {"words": ["I think of 1000 euros."]})
    (asked,) = await world.cases.inbox(MARI)
    assert (asked.text, asked.values["until"]) == ("register_matter.told_hear", "2026-03-12")
    assert [one.screen for one in (await world.cases.view(case, MARI)).tasks] == ["register_matter.speak"]
    mine = await world.cases.fill(case, "register_matter.speak", MARI)
    assert [line.value for line in mine.facts] == ["I think of 1000 euros.", "12 March 2026"]
    with pytest.raises(Refused) as refused:
        await world.act(case, "DECIDE_ANEW", DESK, {**ANEW, "hearing": ["heard"]})
    assert refused.value.defects[0].reason == "not_heard", "their day is not over"
    await world.act(case, "SPEAK", MARI, {"text": ["It was 1200."]})
    desk = await world.cases.fill(case, "register_matter.anew", DESK)
    assert "It was 1200." in [line.value for line in desk.facts]
    await world.act(case, "DECIDE_ANEW", DESK, {**ANEW, "hearing": ["heard"]})
    await world.until(case, "RIPPLE", DESK)
    back = (await world.cases.fill(case, "register_matter.anew", DESK)).facts[0]
    assert str(back.value).startswith("It is contested")
    answers[end] = {"decision": RECORD["id"], "newer": "01890a5d-ac96-774b-bcce-b302099a8057"}
    await world.act(case, "DECIDE_ANEW", DESK, {**ANEW, "hearing": ["heard"]})
    await world.until(case, "CLOSED", DESK)
    sent = [one.body for one in world.registers.made("social", "POST") if one.path == end[2]][-1]
    assert sent["outcome"] == "by_hand" and sent["new"]["values"] == {
        "family/birth_grant/ETERNITY": "1000.00"
    }
    assert sent["new"]["hearing"]["way"] == "answered" and sent["new"]["country"] == "EE"
    assert "register_matter.told_decided_anew" in [one.text for one in await world.cases.inbox(MARI)]
    results = (await world.cases.view(case, MARI)).results
    assert results["decisions"] == [["social", "01890a5d-ac96-774b-bcce-b302099a8057", "register_matter"]]
