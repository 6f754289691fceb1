"""What people said to a move is proved, each word of its own: of whose it is, for this register, case and operation, and of this very move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sild.openid import RecordedMandate
from sild.registries import ResidenceRegister
from support.acting import DESK, EARLY, LogIn
from support.words import PERSON, whole, word, words_of

from ..asking import Asker, refused
from ..families import couple, single, young_family
from .test_moves import DAY, empty

STRANGER = "EE38001085718"
CLERK = LogIn(roles=(("clerk", "70000349"),))


def moving(homes: ResidenceRegister, residence: Asker) -> tuple[dict[str, Any], str, str]:
    """Somebody moves to another's: the message, who moves, the owner."""
    person = single().code
    dwelling, owner = empty(homes, residence)
    consent = {"kind": "owner", "owners": [owner]}
    return {"people": [person], "to": {"dwelling": dwelling}, **DAY, "consent": consent}, person, owner


Said = Callable[[dict[str, Any], str, str], dict[str, Any]]
"""The words of a message: of the body, who moves, the owner."""


def consent_by(**changes: Any) -> Said:
    """The notice as it ought to be, and a consent that is not."""

    def said(body: dict[str, Any], person: str, owner: str) -> dict[str, Any]:
        given = {"subject": whole(owner), **changes}
        notice = word("notice", whole(person), body)
        return {"people": [person], "said": [notice, word("consent", body=body, **given)]}

    return said


def elsewhere(body: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {
        "of": "move",
        "says": "consent",
        "notice": 1,
        "to": body["to"],
        "people": body["people"],
        "valid_from": "2026-02-25",
        **other,
    }


ATTACKS: dict[str, tuple[Said, str, str]] = {
    "nobody's": (lambda _b, _p, _o: {}, "acting_not_proven", "/people/0"),
    "the notice alone": (
        lambda body, person, _: {"people": [person], "said": [word("notice", whole(person), body)]},
        "acting_not_proven",
        "/consent/owners/0",
    ),
    "the owner's alone": (
        lambda body, person, owner: {"people": [person], "said": [word("consent", whole(owner), body)]},
        "acting_not_proven",
        "/people/0",
    ),
    "a stranger's": (consent_by(subject=STRANGER), "acting_not_proven", "/consent/owners/0"),
    "of another case": (consent_by(case="case-8"), "acting_not_proven", "/words/said/1"),
    "for another register": (
        consent_by(registers=["SILD/GOV/70000002/population"]), "acting_not_proven", "/words/said/1"
    ),
    "through another system": (
        consent_by(system="SILD/COM/90000001/hospital"), "acting_not_proven", "/words/said/1"
    ),
    "for something else": (consent_by(operations=["requestRemoval"]), "acting_not_proven", "/words/said/1"),
    "for nothing in particular": (consent_by(operations=[]), "acting_not_proven", "/words/said/1"),
    "only to look": (consent_by(acts=False), "acting_not_proven", "/words/said/1"),
    "too long ago": (consent_by(lifetime=EARLY - EARLY), "acting_expired", "/words/said/1"),
    "of a log-in of low level": (
        consent_by(login=LogIn(acr="low", posture=None, roles=())), "level_too_low", "/words/said/1"
    ),
    "with another salt": (consent_by(salt="0" * 32), "acting_not_proven", "/words/said/1"),
    "of another provider": (consent_by(iss="https://login.invalid"), "acting_not_proven", "/words/said/1"),
    "to another dwelling": (
        lambda body, person, owner: consent_by(said=elsewhere(body, to={"dwelling": "EE-D0000001"}))(body, person, owner),
        "acting_not_proven", "/words/said/1",
    ),
    "from another day": (
        lambda body, person, owner: consent_by(said=elsewhere(body, valid_from="2026-02-20"))(body, person, owner),
        "acting_not_proven", "/words/said/1",
    ),
    "to an earlier notice": (
        lambda body, person, owner: consent_by(said=elsewhere(body, notice=2))(body, person, owner),
        "acting_not_proven", "/words/said/1",
    ),
    "of other people": (
        lambda body, person, owner: consent_by(said=elsewhere(body, people=["49001010005"]))(body, person, owner),
        "acting_not_proven", "/words/said/1",
    ),
    "a refusal, told as a consent": (
        lambda body, person, owner: consent_by(said=elsewhere(body, says="refusal"))(body, person, owner),
        "acting_not_proven", "/words/said/1",
    ),
    "a clerk's own mandate": (
        consent_by(
            subject=STRANGER, login=LogIn(roles=(("official", "70000349"),)),
            recorded=RecordedMandate("assist-1", "EE60001019906", "0" * 64),
        ),
        "acting_not_proven", "/consent/owners/0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_move_without_everybodys_word_is_not_registered(
    residence: Asker, homes: ResidenceRegister, attack: str
) -> None:
    said, code, pointer = ATTACKS[attack]
    body, person, owner = moving(homes, residence)
    before = residence.value(f"/persons/{person}/residence")
    problem = refused(residence.post("/moves", {**body, "words": said(body, person, owner)}), 403, code)
    assert pointer in [one["pointer"] for one in problem["errors"]]
    assert residence.value(f"/persons/{person}/residence") == before
    for user in ("automatic", STRANGER):  # a rule has no more right than an official
        refused(residence.post("/moves", {**body, "words": said(body, person, owner)}, user=user), 403, code)
    residence.done("/moves", body)  # said again, it is registered


def test_a_household_each_for_themselves(residence: Asker, homes: ResidenceRegister) -> None:
    wife, husband = (one.code for one in couple())
    dwelling, owner = empty(homes, residence)
    body = {"people": [wife, husband], "to": {"dwelling": dwelling}, **DAY, "consent": {"kind": "owner", "owners": [owner]}}  # fmt: skip
    whole_words = words_of(body)
    unjoined = {**whole_words, "said": [one for one in whole_words["said"] if one["says"] != "joining"]}
    problem = refused(residence.post("/moves", {**body, "words": unjoined}), 403, "acting_not_proven")
    assert [one["pointer"] for one in problem["errors"]] == ["/people/1"]
    smuggled = {**body, "people": [wife, husband, single().code], "words": whole_words}
    problem = refused(residence.post("/moves", smuggled), 403, "acting_not_proven")
    assert "/people/2" in [one["pointer"] for one in problem["errors"]]
    residence.done("/moves", {**body, "words": whole_words})


def test_everybody_with_custody_agrees(residence: Asker, homes: ResidenceRegister) -> None:
    parent, child = young_family()
    other = single().code
    dwelling, owner = empty(homes, residence)
    body = {
        "people": [parent.code, child.code], "to": {"dwelling": dwelling}, **DAY,
        "consent": {"kind": "owner", "owners": [owner]}, "custodians": {child.code: [parent.code, other]},
    }  # fmt: skip
    said = words_of(body)
    silent = {**said, "said": [one for one in said["said"] if one["says"] != "custody"]}
    problem = refused(residence.post("/moves", {**body, "words": silent}), 403, "acting_not_proven")
    assert [one["pointer"] for one in problem["errors"]] == [f"/custodians/{child.code}/1"]
    residence.done("/moves", {**body, "words": said})


def test_a_word_counts_for_one_move_and_the_record_says_whose_it_was(
    residence: Asker, homes: ResidenceRegister
) -> None:
    body, person, owner = moving(homes, residence)
    words = words_of(body)
    entered = residence.done("/moves", {**body, "words": words}, id="words-1")
    assert residence.done("/moves", {**body, "words": words}, 200, id="words-1") == entered, (
        "the same message"
    )
    record = residence.value(f"/decisions/{entered['decision']}", user=f"EE{person}")["record"]
    by = {one["says"]: one for one in record["words"]}
    assert set(by) == {"notice", "consent"}
    assert by["notice"]["by"] == record["subjects"][0]["ref"] != by["consent"]["by"]
    assert homes.deciding.store.pseudonym(owner) == by["consent"]["by"]
    assert person not in str(record["words"]) and owner not in str(record["words"])
    again = residence.done("/moves", {**body, "words": words}, 200)
    assert again["merged"] and again["decision"] == entered["decision"], "nothing is entered on them twice"


def test_a_word_is_spent_on_one_decision(residence: Asker, homes: ResidenceRegister) -> None:
    body, person, owner = moving(homes, residence)
    dispute = {
        "dwelling": body["to"]["dwelling"], "people": [person], "valid_from": body["valid_from"], "consented": [owner],
        "refused": [], "lets_live_there": True, "document": None, "words": "Kokku lepitud.",
    }  # fmt: skip
    consent = word("consent", whole(owner), body, operations=["registerMove", "settleOwners"])
    carried = {"people": [person], "said": [consent]}
    residence.done("/owner-disputes", {**dispute, "carried": carried}, 200)
    refused(residence.post("/owner-disputes", {**dispute, "carried": carried}), 403, "acting_not_proven")
    words = {"people": [person], "said": [word("notice", whole(person), body), consent]}
    residence.done("/moves", {**body, "words": words})  # said for this, too


def test_a_word_that_was_taken_back_is_of_no_use(residence: Asker, homes: ResidenceRegister) -> None:
    body, _, owner = moving(homes, residence)
    words = words_of(body)
    consent = words["said"][-1]
    refused(
        residence.post("/words/withdrawal", {"word": consent}, user=STRANGER, login=PERSON),
        403,
        "acting_not_proven",
    )
    for user, code in ((STRANGER, "not_yours"), (whole(owner), None)):
        answer = residence.post("/words/withdrawal", {"word": consent}, user=user)
        assert answer.status == (204 if code is None else 403), answer.text
    refused(residence.post("/moves", {**body, "words": words}), 403, "acting_not_proven")
    entered = residence.done("/moves", body)  # they thought otherwise once more
    assert entered["level"] == "dwelling"


def test_what_settled_a_dispute_is_taken_back_all_the_same(
    residence: Asker, homes: ResidenceRegister
) -> None:
    body, person, owner = moving(homes, residence)
    dispute = {
        "dwelling": body["to"]["dwelling"], "people": [person], "valid_from": body["valid_from"], "consented": [owner],
        "refused": [], "lets_live_there": True, "document": None, "words": "Kokku lepitud.",
    }  # fmt: skip
    consent = word("consent", whole(owner), body, operations=["registerMove", "settleOwners"])
    residence.done("/owner-disputes", {**dispute, "carried": {"people": [person], "said": [consent]}}, 200)
    assert residence.post("/words/withdrawal", {"word": consent}, user=whole(owner)).status == 204
    words = {"people": [person], "said": [word("notice", whole(person), body), consent]}
    refused(residence.post("/moves", {**body, "words": words}), 403, "acting_not_proven")


def test_what_was_registered_cannot_be_taken_back(residence: Asker, homes: ResidenceRegister) -> None:
    body, _person, owner = moving(homes, residence)
    words = words_of(body)
    residence.done("/moves", {**body, "words": words})
    answer = residence.post("/words/withdrawal", {"word": words["said"][-1]}, user=whole(owner))
    refused(answer, 409, "word_is_used")


def test_a_notice_that_went_back_is_sent_anew_or_nothing_is_registered(
    residence: Asker, homes: ResidenceRegister
) -> None:
    body, person, _owner = moving(homes, residence)
    words = words_of(body)
    sent = {**body, "reasons": ["consent_missing"], "words": words}
    residence.done("/moves/return", sent, 200, login=DESK)
    refused(residence.post("/moves", {**body, "words": words}), 403, "acting_not_proven")
    anew = [word("notice", whole(person), body), *words["said"][1:]]
    residence.done("/moves", {**body, "words": {**words, "said": anew}})  # what the owner said to it stands


def test_a_word_that_can_take_back_another_is_itself_used_once(
    residence: Asker, homes: ResidenceRegister
) -> None:
    body, person, _owner = moving(homes, residence)
    words = words_of(body)
    words["said"][0] = notice = word(
        "notice", whole(person), body, operations=["registerMove", "withdrawWord"]
    )
    residence.done("/moves", {**body, "words": words})
    answer = residence.post("/words/withdrawal", {"word": notice}, user=whole(person))
    refused(answer, 409, "word_is_used")


def test_at_a_counter_the_clerk_says_it_on_the_mandate(residence: Asker, homes: ResidenceRegister) -> None:
    body, person, owner = moving(homes, residence)
    mandate = RecordedMandate("assist-1", whole(person), "1" * 64)
    notice = word("notice", STRANGER, body, login=CLERK, recorded=mandate)
    words = {"people": [person], "said": [notice, word("consent", whole(owner), body)]}
    entered = residence.done("/moves", {**body, "words": words})
    record = residence.value(f"/decisions/{entered['decision']}", user=f"EE{person}")["record"]
    said = record["words"][0]
    assert (said["by"], said["basis"], said["mandate"]) == (
        record["subjects"][0]["ref"],
        "RECORDED",
        "assist-1",
    )


def test_a_dwelling_they_spoke_of_is_not_a_reason_for_another_commune(
    residence: Asker, homes: ResidenceRegister
) -> None:
    body, person, _ = moving(homes, residence)
    dwelling = body["to"]["dwelling"]
    division = residence.value(f"/dwellings/{dwelling}")["division"]
    other = "0793" if division != "0793" else "0784"
    wanted = {"people": [person], **DAY, "wanted": dwelling, "to": {"division": other}}
    problem = refused(residence.post("/moves", wanted), 403, "acting_not_proven")
    assert [one["pointer"] for one in problem["errors"]] == ["/to/division"]
    residence.done("/moves", {**wanted, "to": {"division": division}})


def test_a_return_says_nothing_for_anybody_who_did_not_say_it(
    residence: Asker, homes: ResidenceRegister
) -> None:
    body, person, _ = moving(homes, residence)
    for words, consents in (({}, "none"), (words_of(body), "owner")):
        sent = {**body, "reasons": ["consent_missing"], "words": words}
        made = residence.done("/moves/return", sent, 200, login=DESK)
        values = residence.value(f"/decisions/{made['decision']}", user=f"EE{person}")
        assert fact(values, "moves/move/consent/ETERNITY") == consents


def fact(told: dict[str, Any], name: str) -> Any:
    (sealed,) = (one["value"]["sealed"] for one in told["record"]["inputs"] if one["name"] == name)
    return told["values"][sealed]
