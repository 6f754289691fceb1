"""Removals and disputes are decisions; contested, another official decides anew, and the home follows: what was known before holds again."""

from __future__ import annotations

from typing import Any

import pytest

from sild.decisions import list_ripples
from sild.registries import ResidenceRegister
from support.words import whole, word

from ..asking import Asker, refused
from ..conftest import SetClock
from ..families import single
from .test_moves_decided import DAY, a_home, notice, opened

OTHER = "EE47101010033"
"""An official who had no part in it."""
WORDS = {"et": "Vaadatud uuesti.", "vi": "Đã xem lại.", "en": "Looked at again."}


def contested(residence: Asker, decision: str, person: str, *, overturned: bool = True) -> str:
    """The case of the contest, in which another official has answered."""
    case = f"contest-{decision}"
    residence.done(f"/decisions/{decision}/contests", {"contest": case, "line": "person"}, user=f"EE{person}")
    answer = {
        "country": "EE",
        "contested_by": person,
        "language": "et",
        "view": "Nii ei ole.",
        "reasons": "Vaadatud uuesti.",
        "view_sha256": "b" * 64,
        "posture": "managed",
        "seconds": 5,
    }
    end = {"overturned": overturned, "answer": answer}
    residence.done(f"/decisions/{decision}/contests/{case}/end", end, 200, user=OTHER, X_Road_Issue=case)
    return case


def anew(residence: Asker, decision: str, person: str, case: str, **values: Any) -> str | None:
    """Decided anew: by hand with `values`, else by rule."""
    body: dict[str, Any] = {"by": "rule", "country": "EE", "contested_by": person}
    if values:
        named = {name.replace("__", "/"): value for name, value in values.items()}
        body |= {"by": "hand", "values": named, "considerations": "Kaalutud.", "reasons": WORDS}
    path = f"/decisions/{decision}/contests/{case}/anew"
    answer = residence.done(path, body, 200, user=OTHER, X_Road_Issue=case)
    found: str | None = answer["decision"]
    return found


def moved_in(residence: Asker, homes: ResidenceRegister) -> tuple[str, str, str, str]:
    """Person, dwelling, owner, decision."""
    person = single().code
    dwelling, owner = a_home(homes, residence)
    entered = residence.done("/moves", notice([person], dwelling, owner))
    return person, dwelling, owner, entered["decision"]


def lives(residence: Asker, person: str, **more: str) -> tuple[str, str | None, str]:
    query = "?" + "&".join(f"{name}={value}" for name, value in more.items()) if more else ""
    home = residence.value(f"/persons/{person}/residence{query}")
    return home["level"], home.get("dwelling"), home["valid_from"]


def removed(
    residence: Asker, clock: SetClock, person: str, dwelling: str, owner: str, decision: str = "REMOVED"
) -> str:
    removal = residence.done(
        "/removals",
        {"person": person, "dwelling": dwelling, "owner": owner},
        X_Road_Represented_Party=f"EE{owner}",
    )
    clock.forward(days=31)
    body = {"decision": decision, "reason": "Naabrid kinnitasid.", "heard": True}
    state = residence.done(f"/removals/{removal['id']}/decision", body, 200)
    assert state["state"] == decision
    return str(state["record"])


def test_a_removal_is_weighed_and_what_is_overturned_restores_the_home(
    residence: Asker, homes: ResidenceRegister, hand_clock: SetClock
) -> None:
    person, dwelling, owner, _ = moved_in(residence, homes)
    decision = removed(residence, hand_clock, person, dwelling, owner)
    record, outcome = opened(residence, decision, person)
    assert (record["kind"], record["discretion"], record["effect"]) == ("human", "structured", "correct")
    assert record["considerations"] and record["hearing"]["required"] is True
    assert outcome["removal/removed/ETERNITY"] is True
    assert sorted(one["role"] for one in record["subjects"]) == ["owner", "resident"]
    assert homes.deciding.replay(decision).result == "match"
    assert lives(residence, person) == ("commune", None, "2026-04-01")
    then = homes.kernel.now
    hand_clock.forward(days=5)
    case = contested(residence, decision, person)
    assert anew(residence, decision, person, case) is None
    assert residence.value(f"/decisions/{decision}", user=OTHER)["left"] == "by_people"
    new = anew(residence, decision, person, case, removal__removed__ETERNITY=False)
    assert new is not None
    assert lives(residence, person) == ("dwelling", dwelling, "2026-02-25"), "from the day it was true"
    as_known = then.isoformat().replace("+00:00", "Z")
    assert lives(residence, person, known_at=as_known) == ("commune", None, "2026-04-01"), "nothing is lost"
    record, outcome = opened(residence, new, person)
    assert (record["supersedes"], record["effect"]) == (decision, "correct")
    assert outcome["removal/removed/ETERNITY"] is False
    assert residence.value(f"/decisions/{decision}", user=f"EE{person}")["superseded_by"] == new
    refused(
        residence.post(
            f"/decisions/{decision}/contests/{case}/anew",
            {"by": "rule", "country": "EE", "contested_by": person},
            user=OTHER,
            X_Road_Issue=case,
        ),
        409,
        "superseded_already",
    )


def test_a_removal_that_was_refused_is_made_after_a_contest_of_the_owner(
    residence: Asker, homes: ResidenceRegister, hand_clock: SetClock
) -> None:
    person, dwelling, owner, _ = moved_in(residence, homes)
    decision = removed(residence, hand_clock, person, dwelling, owner, "KEPT")
    record, _ = opened(residence, decision, owner)
    assert record["effect"] == "refuse" and lives(residence, person)[0] == "dwelling"
    case = contested(residence, decision, owner)
    new = anew(residence, decision, owner, case, removal__removed__ETERNITY=True)
    assert lives(residence, person) == ("commune", None, "2026-04-01")
    again = {"contest": "c-2", "line": "person"}
    residence.done(f"/decisions/{new}/contests", again, user=f"EE{person}")
    end = residence.post(
        f"/decisions/{new}/contests/c-2/end", {"overturned": False}, user=OTHER, X_Road_Issue="c-2"
    )
    refused(end, 403, "not_your_contest")


def elsewhere(residence: Asker, homes: ResidenceRegister, person: str, day: str) -> str:
    """Another dwelling, to which they move on that day."""
    dwelling, owner = a_home(homes, residence)
    residence.done(
        "/moves", {**notice([person], dwelling, owner), "valid_from": day, "sent_on": "2026-04-01"}
    )
    return dwelling


def test_a_removal_by_hand_leaves_the_home_of_who_has_moved_since(
    residence: Asker, homes: ResidenceRegister, hand_clock: SetClock
) -> None:
    person, dwelling, owner, _ = moved_in(residence, homes)
    decision = removed(residence, hand_clock, person, dwelling, owner, "KEPT")
    case = contested(residence, decision, owner)
    other = elsewhere(residence, homes, person, "2026-04-01")
    assert other != dwelling
    assert anew(residence, decision, owner, case, removal__removed__ETERNITY=True)
    assert lives(residence, person) == ("dwelling", other, "2026-04-01")


def test_a_removal_leaves_the_home_that_begins_later(
    residence: Asker, homes: ResidenceRegister, hand_clock: SetClock
) -> None:
    person, dwelling, owner, _ = moved_in(residence, homes)
    removal = residence.done(
        "/removals",
        {"person": person, "dwelling": dwelling, "owner": owner},
        X_Road_Represented_Party=f"EE{owner}",
    )
    hand_clock.forward(days=31)
    other = elsewhere(residence, homes, person, "2026-04-10")
    hand_clock.forward(hours=1)
    body = {"decision": "REMOVED", "reason": "Naabrid kinnitasid.", "heard": True}
    decision = residence.done(f"/removals/{removal['id']}/decision", body, 200)["record"]
    later = ("dwelling", other, "2026-04-10")
    assert lives(residence, person) == ("commune", None, "2026-04-01")
    assert lives(residence, person, on="2026-04-10") == later
    case = contested(residence, decision, person)
    assert anew(residence, decision, person, case, removal__removed__ETERNITY=False)
    assert lives(residence, person) == ("dwelling", dwelling, "2026-02-25")
    assert lives(residence, person, on="2026-04-10") == later


def test_a_registration_that_was_overturned_is_decided_by_rule_from_what_is_known_now(
    residence: Asker, homes: ResidenceRegister
) -> None:
    person, dwelling, _owner, decision = moved_in(residence, homes)
    case = contested(residence, decision, person)
    assert anew(residence, decision, person, case) is None
    new = residence.value(f"/decisions/{decision}", user=f"EE{person}")["superseded_by"]
    record, _ = opened(residence, new, person)
    assert (record["kind"], record["effect"]) == ("rule", "correct")
    assert [one["code"] for one in record["reasons"]][-1] == "contest_overturned"
    assert homes.deciding.replay(new).result == "match"
    assert lives(residence, person) == ("dwelling", dwelling, "2026-02-25")


def test_a_registration_taken_back_leaves_the_home_before_it(
    residence: Asker, homes: ResidenceRegister, hand_clock: SetClock
) -> None:
    person = single().code
    before = lives(residence, person)
    dwelling, owner = a_home(homes, residence)
    decision = residence.done("/moves", notice([person], dwelling, owner))["decision"]
    hand_clock.forward(days=1)
    case = contested(residence, decision, person)
    assert anew(residence, decision, person, case, move__registrable__ETERNITY=False)
    assert lives(residence, person) == before
    assert residence.value(f"/dwellings/{dwelling}/residents")["count"] == 0


@pytest.mark.parametrize("lets", [True, False])
def test_a_dispute_of_owners_is_a_decision_and_what_rests_on_it_follows(
    residence: Asker, homes: ResidenceRegister, lets: bool
) -> None:
    person = single().code
    dwelling, owner = a_home(homes, residence)
    division = residence.value(f"/dwellings/{dwelling}")["division"]
    said = {
        "dwelling": dwelling,
        "people": [person],
        "consented": [],
        "refused": [owner],
        "lets_live_there": lets,
        "document": "2-26-1",
        "words": "Kohtuotsus lubab.",
        "valid_from": DAY["valid_from"],
    }
    refusal = word("refusal", whole(owner), said, operations=["settleOwners", "withdrawWord"])
    unproved = refused(residence.post("/owner-disputes", said), 403, "acting_not_proven")
    assert [one["pointer"] for one in unproved["errors"]] == ["/refused/0"]
    said["carried"] = {"people": [person], "said": [refusal]}
    settled = residence.done("/owner-disputes", said, 200, id="settled")
    assert residence.done("/owner-disputes", said, 200, id="settled") == settled
    assert settled["level"] == ("dwelling" if lets else "commune")
    for reader in (person, owner):
        record, outcome = opened(residence, settled["decision"], reader)
        assert outcome["dispute/to_dwelling/ETERNITY"] is lets
    assert record["considerations"] and record["discretion"] == "structured"
    assert homes.deciding.replay(settled["decision"]).result == "match"
    body: dict[str, Any] = {"people": [person], **DAY}
    if lets:
        body |= {"to": {"dwelling": dwelling}, "consent": {"kind": "court", "document": "2-26-1"}}
    else:
        body |= {"to": {"division": division}, "wanted": dwelling}
    entered = residence.done("/moves", body)
    case = contested(residence, settled["decision"], person)
    assert anew(residence, settled["decision"], person, case, dispute__to_dwelling__ETERNITY=not lets)
    level = "commune" if lets else "dwelling"
    assert lives(residence, person)[::2] == (level, "2026-02-25")
    follows = residence.value(f"/decisions/{entered['decision']}", user=f"EE{person}")["superseded_by"]
    _, outcome = opened(residence, follows, person)
    assert outcome["move/to_dwelling/ETERNITY"] is not lets
    refused(residence.post("/owner-disputes", {**said, "refused": [person]}), 403, "not_an_owner")
    refused(residence.post("/owner-disputes", said, user="automatic"), 403, "officials_only")


def test_a_corrected_owner_and_a_corrected_size_reach_what_was_decided(
    residence: Asker, homes: ResidenceRegister
) -> None:
    person = single().code
    dwelling, owner = a_home(homes, residence)
    by_rule = residence.done("/moves", notice([person], dwelling, owner), user="automatic")["decision"]
    (owned, *_) = residence.value(f"/dwellings/{dwelling}/owners")["items"]
    path = f"/facts/{owned['fact']}/correction"
    refused(residence.post(path, {"value": {"share": "x"}, "reason": "?"}), 400, "invalid_value")
    better = {"kind": "person", "share": "1/2", "name": None}
    fact = residence.done(path, {"value": better, "reason": "maakond"})["fact"]
    with homes.kernel.engine.connect() as connection:
        (first,) = list_ripples(connection)
    assert (first.state, first.decision, first.concept) == ("unchanged", by_rule, "dwelling.owners")
    residence.done(f"/facts/{fact}/correction", {"value": None, "reason": "müüdud"})
    assert owner not in [one["code"] for one in residence.value(f"/dwellings/{dwelling}/owners")["items"]]
    with homes.kernel.engine.connect() as connection:
        listed = list_ripples(connection, state="listed")
    assert [(one.decision, one.reason) for one in listed] == [(by_rule, "entered")]
    assert residence.value(f"/persons/{person}/residence")["dwelling"] == dwelling, "people see to it"
    waiting = residence.value("/matters")["items"]
    assert [one["kind"] for one in waiting] == ["ripple"]
