"""What waits for a person in the social register: told when it begins and ends, read at a desk alone, ended by an official."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sild.registries import education_app, insurance_app, social_app
from sild.registries.deciding import replay_mismatched
from sild.registries.education.register import EducationRegister
from sild.registries.insurance.register import InsuranceRegister
from sild.registries.social.register import SocialRegister
from support.acting import LogIn, serving

from ..asking import Asker, refused
from .conftest import CHILD, FATHER, MOTHER, USAGE, Others, SetClock, event
from .test_ripple import IBAN, benefit, by, declare, offered, records, ripples, settle

LOOK = {"words": "Soome ei maksa.", "seconds": 60, "posture": "managed", "view_sha256": "b" * 64}
PAY = "contribution"


@pytest.fixture
def social(directory: Path, database_url: str | None, clock: SetClock) -> Iterator[SocialRegister]:
    register = SocialRegister.open(directory, database_url, people=0, clock=clock)
    register.kernel.outbox.subscribe(
        "SILD/GOV/70000001/portal", "events", ["matter.*", "fact.corrected", "social.*"]
    )
    declare(register, MOTHER, "2000")
    declare(register, FATHER, "1500")
    yield register
    register.close()


def told(register: SocialRegister, *subjects: str) -> list[tuple[str, str, list[str]]]:
    """Type, kind and persons of the events about matters."""
    found = [d.event for one in subjects for d in register.kernel.outbox.deliveries_about(one)]
    return [
        (one.type, one.data["kind"], one.data["persons"]) for one in found if one.type.startswith("matter.")
    ]


def paid(asker: Asker) -> dict[str, Any]:
    items = asker.value(f"/persons/{MOTHER}/facts?history=true", user=f"EE{MOTHER}")["items"]
    (found,) = [one for one in items if one["name"] == PAY and "known_to" not in one]
    assert isinstance(found, dict)
    return found


async def test_a_held_offer_is_read_and_refused_with_reasons(
    social: SocialRegister, others: Others, clock: SetClock
) -> None:
    others.abroad.add(FATHER)
    offer = await offered(social, others, clock)
    parents = sorted((MOTHER, FATHER))
    assert told(social, parents[0]) == [("matter.opened", "held_offer", parents)]
    with serving(social_app(social)) as site:
        asker = Asker(site)
        (line,) = asker.value("/matters")["items"]
        assert (line["id"], line["due"]) == (f"held_offer/{offer}", "2026-03-16"), (
            "ten working days; nobody is named"
        )
        assert MOTHER not in str(line)
        matter = asker.value(f"/matters/held_offer/{offer}")
        assert matter["persons"] == [*parents, CHILD] and matter["state"] == "waiting"
        assert matter["facts"] == [
            {"name": "held_because", "value": "lives_abroad", "about": "", "source": "", "basis": "", "valid_from": None}
        ]  # fmt: skip
        assert matter["evidence"]["values"], "with what it rests on"
        empty = {**LOOK, "words": " "}
        refused(asker.post(f"/offers/{offer}/refusal", empty), 400, "missing_reason")
        refused(
            asker.post(f"/offers/{offer}/refusal", LOOK, user=f"EE{MOTHER}"),
            403,
            "needs_a_person",
        )
        done = asker.done(f"/offers/{offer}/refusal", LOOK, 200, id="once")
        assert asker.done(f"/offers/{offer}/refusal", LOOK, 200, id="once") == done
        assert (done["state"], done["reason"]) == ("withdrawn", "refused")
        refused(asker.post(f"/offers/{offer}/release", LOOK), 409, "not_held")
        read = asker.value(f"/decisions/{done['decision']}", user=f"EE{FATHER}")
        assert asker.value(f"/matters/held_offer/{offer}")["state"] == "ended"
        assert asker.value("/matters")["items"] == []
    held, human = records(social)
    assert (human.kind, human.effect, human.supersedes) == ("human", "refuse", held.id)
    assert human.remedy is not None
    texts = [read["values"][one["text"]["et"]["sealed"]] for one in read["record"]["reasons"]]
    assert "Ametnik vaatas pakkumise üle ja keeldub hüvitistest. Soome ei maksa." in texts
    assert told(social, parents[0])[1:] == [("matter.settled", "held_offer", parents)]


@pytest.mark.parametrize(
    "login", [LogIn(acr="substantial"), LogIn(posture="unmanaged"), LogIn(posture=None), LogIn(roles=())]
)
async def test_a_desk_alone_reads_it(
    social: SocialRegister, others: Others, clock: SetClock, login: LogIn
) -> None:
    others.abroad.add(FATHER)
    offer = await offered(social, others, clock)
    with serving(social_app(social)) as site:
        asker = Asker(site)
        for path in ("/matters", f"/matters/held_offer/{offer}"):
            refused(asker.get(path, login=login), 403, "officials_only")
            refused(asker.get(path, user="automatic"), 403, "officials_only")
        for path in (f"/offers/{offer}/release", f"/offers/{offer}/refusal"):
            refused(asker.post(path, LOOK, login=login), 403, "officials_only")
        dispute = asker.done(f"/facts/{paid(asker)['fact']}/dispute", {"reason": "No."}, user=f"EE{MOTHER}")[
            "id"
        ]
        refused(
            asker.post(f"/disputes/{dispute}/refusal", {"reason": "No."}, login=login), 403, "officials_only"
        )
        right = {"text": "2400.00", "reason": "No."}
        refused(asker.post(f"/disputes/{dispute}/correction", right, login=login), 403, "officials_only")
        refused(asker.get(f"/matters/held_offer/{offer}", user=f"EE{MOTHER}"), 403, "officials_only")
        refused(asker.get(f"/matters/dispute/{offer}"), 404, "unknown_matter")
        refused(asker.get(f"/matters/nonsense/{offer}"), 404, "unknown_matter")


async def test_a_disputed_fact_is_corrected_and_what_rests_on_it_decided_anew(
    social: SocialRegister, others: Others, clock: SetClock
) -> None:
    offer = await offered(social, others, clock)
    assert benefit(social, offer) == "2000.00"
    with serving(social_app(social)) as site:
        asker = Asker(site)
        fact = paid(asker)
        said = {"reason": "I earned more.", "proposed_value": "2400.00"}
        dispute = asker.done(f"/facts/{fact['fact']}/dispute", said, user=f"EE{MOTHER}")["id"]
        assert told(social, MOTHER) == [("matter.opened", "dispute", [MOTHER])]
        matter = asker.value(f"/matters/dispute/{dispute}")
        (shown, proposed) = matter["facts"]
        assert (matter["said"], shown["value"], shown["about"], proposed["value"]) == (
            "I earned more.", "2000 EUR", "person.contributions", "2400.00",
        )  # fmt: skip
        right = {"text": "2 400,00", "reason": "The payslip."}
        correction = f"/disputes/{dispute}/correction"
        refused(asker.post(correction, right, user=f"EE{MOTHER}"), 403, "officials_only")
        refused(asker.post(correction, right, user="automatic"), 403, "officials_only")
        refused(asker.post(correction, {**right, "text": "a lot"}), 400, "invalid_value")
        done = asker.done(correction, right, id="once")
        assert asker.done(correction, right, id="once") == done and done["state"] == "CORRECTED"
        refused(asker.post(correction, right), 409, "dispute_is_closed")
        assert paid(asker)["value"]["amount"] == "2400.00" and not paid(asker)["disputed"]
    assert told(social, MOTHER)[1:] == [("matter.settled", "dispute", [MOTHER])]
    await settle(social, others, clock)
    first, second = records(social)
    assert (second.effect, second.supersedes, benefit(social, offer)) == ("correct", first.id, "2400.00")
    assert [one.state for one in ripples(social)] == ["redecided"]


async def test_a_fact_that_stands(social: SocialRegister) -> None:
    with serving(social_app(social)) as site:
        asker = Asker(site)
        fact = paid(asker)["fact"]
        dispute = asker.done(f"/facts/{fact}/dispute", {"reason": "No."}, user=f"EE{MOTHER}")["id"]
        answer = {"reason": "The employer declared it twice."}
        refused(
            asker.post(f"/disputes/{dispute}/refusal", answer, user=f"EE{MOTHER}"),
            403,
            "officials_only",
        )
        asker.done(f"/disputes/{dispute}/refusal", answer, 200)
        assert asker.value(f"/matters/dispute/{dispute}")["state"] == "ended"
    assert [kind for kind, _, _ in told(social, MOTHER)] == ["matter.opened", "matter.settled"]


async def test_a_listed_ripple_is_read_with_its_decision_and_ended(
    social: SocialRegister, others: Others, clock: SetClock
) -> None:
    offer = await offered(social, others, clock)
    social.accept(offer, "mother", IBAN, by(MOTHER, "accept"))
    declare(social, MOTHER, "2400")
    await settle(social, others, clock)
    listed = next(one for one in ripples(social) if one.state == "listed")
    (opened,) = told(social, MOTHER, FATHER)
    assert opened[:2] == ("matter.opened", "ripple") and set(opened[2]) == {MOTHER, FATHER, CHILD}
    with serving(social_app(social)) as site:
        asker = Asker(site)
        (line,) = asker.value("/matters")["items"]
        assert line["id"] == f"ripple/{listed.id}" and line["due"]
        matter = asker.value(f"/matters/ripple/{listed.id}")
        facts = {one["name"]: one["value"] for one in matter["facts"]}
        assert (facts["listed_because"], facts["decision"]) == ("payment", listed.decision)
        assert matter["evidence"]["record"]["id"] == listed.decision and matter["evidence"]["values"]
        assert set(matter["persons"]) == {MOTHER, FATHER, CHILD}
        for one in (MOTHER, FATHER, CHILD):
            uses = asker.value(f"/findUsage?userCode=EE{one}")["usages"]
            looks = [use for use in uses if use["action"] == "An official looked at a matter of the register"]
            assert len(looks) == 1, "everybody it is about sees who opened the decision, once"
        refused(asker.get(f"/matters/ripple/{listed.id}", user=f"EE{FATHER}"), 403, "officials_only")
        asker.done(f"/ripples/{listed.id}/end", {"outcome": "stands"}, 200)
        assert asker.value(f"/matters/ripple/{listed.id}")["state"] == "ended"


async def test_a_decision_that_no_longer_matches_names_the_family_and_not_who_decided_it_ends_it(
    social: SocialRegister, others: Others, clock: SetClock
) -> None:
    others.abroad.add(FATHER)
    offer = await offered(social, others, clock)
    with serving(social_app(social)) as site:
        asker = Asker(site)
        decided = asker.done(f"/offers/{offer}/release", LOOK, 200)["decision"]
        replay_mismatched(social.deciding, 7, decided)
        (ripple,) = ripples(social)
        (opened,) = [one for one in told(social, *sorted((MOTHER, FATHER))) if one[1] == "ripple"]
        assert set(opened[2]) == {MOTHER, FATHER, CHILD}, "their kin do not see to it: the case knows them"
        stands = {"outcome": "stands"}
        refused(asker.post(f"/ripples/{ripple.id}/end", stands), 403, "not_your_ripple")
        asker.done(f"/ripples/{ripple.id}/end", stands, 200, user="EE37001010002")


async def test_an_offer_that_is_withdrawn_waits_no_more(
    social: SocialRegister, others: Others, clock: SetClock
) -> None:
    others.abroad.add(FATHER)
    await offered(social, others, clock)
    social.apply_event(event("civil.stillbirth.recorded", CHILD), "m-still")
    assert [kind for kind, _, _ in told(social, *sorted((MOTHER, FATHER))[:1])] == [
        "matter.opened",
        "matter.settled",
    ]


@pytest.mark.parametrize("kind", [InsuranceRegister, EducationRegister])
async def test_every_register_that_decides_says_what_waits(
    kind: Any, directory: Path, clock: SetClock
) -> None:
    register = kind.open(directory, people=0, clock=clock)
    app = insurance_app(register) if kind is InsuranceRegister else education_app(register)
    with serving(app) as site:
        asker = Asker(site)
        assert asker.value("/matters")["items"] == []
        refused(asker.get("/matters", login=None), 403, "acting_not_proven")
        refused(asker.get("/matters/ripple/none"), 404, "unknown_matter")
    register.close()


HAND = {
    "country": "EE",
    "values": {"mother/parental_benefit/ETERNITY": "2100.00"},
    "considerations": "Her pay was declared too late.",
    "reasons": {"et": "Palk oli teine.", "vi": "Tiền lương khác.", "en": "The pay was another."},
    "hearing": {"way": "favourable"},
    "view_sha256": "b" * 64,
    "posture": "managed",
    "seconds": 60,
}


def granted(social: SocialRegister) -> tuple[str, str]:
    found = [
        one.value for one in social.benefits(MOTHER, USAGE) if one.value["benefit"] == "parental_benefit"
    ]
    return found[0]["amount"], found[0]["decision"]


async def test_a_listed_ripple_is_decided_anew_by_hand(
    social: SocialRegister, others: Others, clock: SetClock
) -> None:
    """Nothing by which anybody gets less without being heard; a record in the old one's place, whose money follows; once."""
    offer = await offered(social, others, clock)
    social.accept(offer, "mother", IBAN, by(MOTHER, "accept"))
    declare(social, MOTHER, "2400")
    await settle(social, others, clock)
    listed = next(one for one in ripples(social) if one.state == "listed")
    before = records(social)
    old = next(one for one in before if str(one.id) == listed.decision)

    def end(**other: Any) -> dict[str, Any]:
        return {"outcome": "by_hand", "new": {**HAND, **other}}

    with serving(social_app(social)) as site:
        asker = Asker(site)
        path = f"/ripples/{listed.id}/end"
        less = {"mother/parental_benefit/ETERNITY": "10.00"}
        refused(asker.post(path, end(values=less)), 409, "not_favourable")
        refused(asker.post(path, end(values={"nothing/at/all": "1.00"})), 400, "not_an_outcome")
        refused(asker.post(path, end(), user=f"EE{MOTHER}"), 403, "not_your_ripple")
        assert asker.post(path, {"outcome": "by_hand"}).status == 400
        assert len(records(social)) == len(before), "nothing came of these"
        line = asker.done(path, end(), 200)
        assert (line["state"], line["reason"]) == ("ended", "redecided")
        refused(asker.post(path, end()), 409, "ripple_is_closed")
    (new,) = [one for one in records(social) if str(one.id) == line["newer"]]
    assert (str(new.supersedes), new.kind, new.effect, new.case) == (
        str(old.id),
        "human",
        "correct",
        old.case,
    )
    assert [one.code for one in new.reasons] == ["fact_corrected", "decided_by_hand"]
    assert (new.hearing.required, new.hearing.waiver_ground) == (False, "HMS § 40 (3) 3")
    assert (new.human[0].role, new.human[0].reason_code) == ("ripple", "ripple")
    assert new.remedy is not None and new.remedy.within == old.remedy.within, (
        "it can be contested in its turn"
    )
    assert granted(social) == ("2100.00", str(new.id))
    declare(social, MOTHER, "2600")
    await settle(social, others, clock)
    again = next(one for one in ripples(social) if one.state == "listed")
    heard = {"way": "answered", "at": "2026-03-03T10:00:00Z"}
    with serving(social_app(social)) as site:
        asker, path = Asker(site), f"/ripples/{again.id}/end"
        refused(asker.post(path, end(values=less, hearing=heard)), 403, "not_your_ripple")
        line = asker.done(path, end(values=less, hearing=heard), 200, user="EE37001010002")
    (newer,) = [one for one in records(social) if str(one.id) == line["newer"]]
    assert str(newer.supersedes) == str(new.id), "of what stands now"
    assert newer.hearing.answer_id == newer.hearing.notice_id == "case-7" and newer.hearing.heard_at
    assert granted(social) == ("10.00", str(newer.id)), "whoever loses by it was heard"
