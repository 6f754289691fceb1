"""Every field of a decision record is true of its decision: competence, hearing, costs, what a fact rests on, how long it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sild.catalogue import Profile
from sild.decisions import open_values
from sild.openid import RecordedMandate, new_signing_key
from sild.registries import social_app
from sild.registries.deciding import Look, Official, Officials
from sild.registries.profiles import profile
from sild.registries.social.register import SocialRegister
from sild.registries.social.rules import birthday
from support.acting import EARLY, EVER, LogIn, mandate_of, proof, serving

from ..asking import Asker
from .conftest import CHILD, FATHER, MOTHER, SISTER, USAGE, Others, SetClock
from .test_social import IBAN, OFFICIAL, declare, offered, settle

OFFICE = Official("37001010002", "birth@0784", order="käskkiri 2026/12", since=date(2026, 1, 1))


@pytest.fixture
def register(directory: Path, clock: SetClock) -> Iterator[SocialRegister]:
    register = SocialRegister.open(directory, people=0, clock=clock)
    register.deciding.officials = Officials([OFFICE], profile("EE"))
    declare(register, MOTHER, "2000")
    declare(register, FATHER, "1500.50")
    yield register
    register.close()


def record_of(register: SocialRegister, decision: str | None) -> dict[str, Any]:
    assert decision is not None
    with register.kernel.engine.connect() as connection:
        return register.deciding.store.find(connection, decision).record.to_json()


async def test_a_rule_in_the_persons_favour(register: SocialRegister, others: Others) -> None:
    offer = await offered(register, others)
    record = record_of(register, offer.decision)
    assert record["algorithm"] == {"id": "family-benefits", "version": record["rules"]["version"]}
    assert record["competence"]["delegation"] == "family-benefits" and record["in_force"] == "2026-03-02"
    assert record["hearing"] == {
        "required": False, "notice_id": None, "answer_id": None, "waiver_ground": "HMS § 40 (3) 3"
    }  # fmt: skip
    remedy = record["remedy"]
    assert remedy["runs_from"] == "opened"
    assert remedy["costs"] == {"amount": "0", "currency": "EUR", "basis": "profile"}
    assert record["delivery"] == [
        {"channel": "portal", "language": "mul", "delivered_at": None, "opened_at": None}
    ]


async def test_each_fact_says_as_of_when_and_how_good_it_is(register: SocialRegister, others: Others) -> None:
    told = {
        one["name"]: one for one in record_of(register, (await offered(register, others)).decision)["inputs"]
    }
    assert all(one["valid_at"] and one["quality"] for one in told.values())
    income = told["persons/mother/income/2024-06"]
    assert (income["valid_at"], income["quality"]) == ("2024-06-01", "declared")
    born = told["persons/child/born/ETERNITY"]
    assert (born["valid_at"], born["quality"]) == ("2026-03-02", "registered"), (
        "the day it was told, not the value"
    )
    siblings = told["families/family/older_siblings/ETERNITY"]
    assert siblings["quality"] == "derived" and siblings["register"].endswith(":residence")
    further = [one["register"].rpartition(":")[2] for one in siblings["further_messages"]]
    assert further == ["population", "population"], "the children of each parent"


async def test_an_official_decides_in_their_office_by_their_order(
    register: SocialRegister, others: Others
) -> None:
    others.abroad.add(FATHER)
    offer = await offered(register, others)
    held = record_of(register, offer.decision)
    assert held["hearing"]["required"] is True and held["hearing"]["waiver_ground"] == "HMS § 40 (3) 2"
    released = register.release(offer.id, OFFICIAL)
    record = record_of(register, released.decision)
    assert record["competence"]["division"] == "0784"
    assert record["competence"]["delegation"] == "käskkiri 2026/12"
    assert record["human"][0]["qualification"] == "Kohaliku omavalitsuse perekonnaseisuametnik"


async def test_who_is_not_listed_decides_without_an_office_on_record(
    register: SocialRegister, others: Others
) -> None:
    register.deciding.officials = Officials([replace(OFFICE, until=date(2026, 1, 31))], profile("EE"))
    others.abroad.add(FATHER)
    offer = await offered(register, others)
    record = record_of(
        register, register.refuse(offer.id, replace(OFFICIAL, message_id="r"), Look(words="Ei.")).decision
    )
    assert (record["competence"]["division"], record["human"][0]["qualification"]) == (None, None)
    assert record["hearing"]["required"] is True


async def test_the_grant_has_the_facts_of_the_offer_whole(register: SocialRegister, others: Others) -> None:
    offer = await offered(register, others)
    register.accept(offer.id, "mother", IBAN, replace(USAGE, message_id="a"))
    with register.kernel.engine.connect() as connection:
        granted = register.deciding.store.of_case(connection, "case-7")[-1].record
    assert granted.effect == "grant"
    offered_of, granted_of = (
        {one["name"]: {**one, "value": None, "sha256": None} for one in record_of(register, id_)["inputs"]}
        for id_ in (offer.decision, str(granted.id))
    )
    chosen = granted_of.pop("choice")
    assert granted_of == offered_of
    assert (chosen["asserted_by"], chosen["quality"], chosen["message_id"]) == ("person", "declared", "a")
    report = register.deciding.replay(str(granted.id))
    assert report.result == "match", "the rules see nothing of the choice"


@pytest.mark.parametrize("day", [28, 29, 30, 31])
async def test_a_sibling_counts_until_it_is_nineteen(
    register: SocialRegister, others: Others, day: int
) -> None:
    """The child is born on the 30th of January; nobody who is 19 by then counts, and who is 19 a day later does."""
    others.person(CHILD, "2026-01-30", mother=MOTHER, father=FATHER)
    others.person(SISTER, f"2007-01-{day}", mother=MOTHER, father=FATHER)
    record = await offered(register, others)
    with register.kernel.engine.connect() as connection:
        opened = open_values(register.deciding.store, connection, str(record.decision))
    sealed = next(
        one["value"]["sealed"]
        for one in record_of(register, record.decision)["inputs"]
        if one["name"].endswith("older_siblings/ETERNITY")
    )
    assert opened[sealed].value == (1 if day == 31 else 0)
    await settle(register, others)


def test_days_that_a_later_year_does_not_have() -> None:
    assert birthday(date(2004, 2, 29), 19) == date(2023, 3, 1), "as the rule packages reckon"
    assert birthday(date(2004, 2, 29), 20) == date(2024, 2, 29)
    records = profile("EE").records
    for day in (28, 29, 30, 31):
        assert records.kept_until(date(2026, 1, day)) == date(2036, 1, day), (
            "not a day less than the law says"
        )
    assert records.kept_until(date(2028, 2, 29)) == date(2038, 2, 28)
    assert isinstance(profile("VN"), Profile) and profile("VN").remedies["challenge"].runs_from == "delivered"


async def test_who_acted_for_another_and_by_which_mandate(register: SocialRegister, others: Others) -> None:
    """Proved in the message that says it, or in the one of whom an official decides about later; nobody's word without a proof."""
    attorney = "EE38001010007"
    power = LogIn("substantial", None, (), f"EE{MOTHER}", "poa-7")
    offer = await offered(register, others)
    said = proof(attorney, "case-7", EARLY, login=power, operations=["acceptOffer"], lifetime=EVER)
    with serving(social_app(register)) as site:
        asker = Asker(site)
        body = {"choice": "mother", "account": IBAN}
        more = {"X_Road_Represented_Party": f"EE{MOTHER}", "Sild_Acting": said}
        asker.done(f"/offers/{offer.id}/acceptance", body, 200, user=attorney, **more)
    with register.kernel.engine.connect() as connection:
        granted = [one.record for one in register.deciding.store.of_case(connection, "case-7")][-1]
    code = register.deciding.store.pseudonym
    found = granted.representation
    assert found is not None and granted.step == "grant"
    assert (found.mandate, found.basis) == ("poa-7", "POWER_OF_ATTORNEY")
    assert (found.delegate, found.representee) == (code("38001010007"), code(MOTHER))
    assert found.chain_sha256 == mandate_of("poa-7")["chain_hash"] and str(found.proof).startswith("acting-")
    made = record_of(register, offer.decision)
    assert made["representation"] is None, "the state made the offer by itself"


@pytest.mark.parametrize(
    ("applied", "told"),
    [({}, "assist-1"), ({"case": "case-8"}, None), ({"key": new_signing_key("ES256")}, None), ({"system": "SILD/GOV/70000009/portal"}, None)],
)  # fmt: skip
async def test_who_applied_in_what_an_official_decides(
    register: SocialRegister, others: Others, applied: dict[str, Any], told: str | None
) -> None:
    """A clerk, on the mandate that the case system recorded; however long ago. A proof of something else is none."""
    others.abroad.add(FATHER)
    offer = await offered(register, others)
    clerk = LogIn(roles=(("clerk", "70000349"),))
    mandate = RecordedMandate("assist-1", f"EE{MOTHER}", "c" * 64)
    given = {"case": "case-7", "login": clerk, "operations": ["applies"], "recorded": mandate, **applied}
    token = proof("EE48806260018", at=EARLY, **given)
    look = {"words": "x", "seconds": 1, "posture": "managed", "view_sha256": "b" * 64}
    with serving(social_app(register)) as site:
        released = Asker(site).done(f"/offers/{offer.id}/release", look, 200, Sild_Applied=token)
    found = record_of(register, released["decision"])["representation"]
    assert (found and found["mandate"]) == told
    if found:
        assert (found["basis"], found["delegate"]) == ("RECORDED", register.deciding.store.pseudonym("48806260018"))  # fmt: skip
