"""What people say in a case of moving home that the residence register is to believe: what exactly, in which action, and who says it anew.

The official's message carries each word with the proof that it is theirs (docs/adr/0054); what the register does not believe is void here,
and whoever said it is asked again. A word is good for one notice, and whatever somebody says takes back what they had said before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sild.cases.case import Case, Taken
from sild.cases.move_facts import (
    BY_ROLE,
    Place,
    answers_of,
    asked,
    codes,
    consenting,
    content_of,
    movers_of,
    notice_number,
    sent,
)
from sild.cases.process import Statement, Work

__all__ = [
    "SAYS",
    "TAKES_BACK",
    "TO_REGISTER",
    "TO_SETTLE",
    "carried",
    "said_in",
    "statement_of",
    "taken_back",
    "unsaid",
]

SAYS = {"SEND": "notice", "CONSENT": "consent", "REFUSE": "refusal", "JOIN": "joining", "ALLOW": "custody"}
"""By action the kind of word, as the register knows it."""
TAKES_BACK = {
    "SEND": ("SEND",), "WITHDRAW": ("SEND",), "JOIN": ("JOIN",), "DECLINE": ("JOIN",), "ALLOW": ("ALLOW",), "FORBID": ("ALLOW",),
    "CONSENT": ("CONSENT", "REFUSE"), "REFUSE": ("CONSENT", "REFUSE"),
}  # fmt: skip
"""By action the words that are of no use after it."""
TO_REGISTER = ("SEND", "CONSENT", "JOIN", "ALLOW")
TO_SETTLE = ("CONSENT", "REFUSE")


def statement_of(case: Case, action: str, given: Mapping[str, Any]) -> Statement | None:
    """given: of a notice, as it is about to be sent; an answer is to the notice as it stands."""
    now = sent(case)
    if action == "SEND":
        place, people, day = Place(**given["place"]), tuple(given["people"]), str(given["valid_from"])
    elif action in SAYS and now is not None:
        place, people, day = now.place, now.people, now.valid_from.isoformat()
    else:
        return None
    says, named = SAYS[action], sorted(codes(people))
    notice = notice_number(case, content_of(place, day, people))
    about = {"of": "move", "notice": notice, "to": _to(place), "people": named, "valid_from": day}
    return Statement(says, {**about, "says": says})


def _to(place: Place) -> dict[str, str]:
    if place.kind == "abroad":
        return {"country": place.id, "address": place.text.strip()}
    return {place.kind: place.id}


def said_in(case: Case, names: Sequence[str]) -> list[Taken]:
    """The notice, and whatever was answered to it so. names: `TO_REGISTER` or `TO_SETTLE`."""
    notice = case.last("SEND")
    answers = (taken for role in BY_ROLE.values() for taken in answers_of(case, *role).values())
    return [taken for taken in (notice, *answers) if taken is not None and taken.name in names]


async def carried(work: Work, said: Sequence[Taken]) -> tuple[dict[str, Any], list[Taken]]:
    """As a message carries it: whom the notice named, and each word that has a proof; and in which actions those were said."""
    assert work.case is not None
    now = sent(work.case)
    assert now is not None
    words = await work.words([taken.seq for taken in said])
    proved = [taken for taken in said if taken.seq in words]
    said_to = {"people": codes(now.people), "notice": notice_number(work.case, now.content)}
    return {**said_to, "said": [words[taken.seq] for taken in proved]}, proved


def taken_back(case: Case, taken: Taken) -> Taken | None:
    """The word that this action takes back; None: they had said nothing of the kind."""
    earlier = case.all(*TAKES_BACK[taken.name]) if taken.name in TAKES_BACK else ()
    theirs = [one for one in earlier if one.acting_for == taken.acting_for and one.seq < taken.seq]
    return theirs[-1] if theirs else None


def unsaid(case: Case, pointers: Sequence[str], sent_along: Sequence[Taken]) -> list[list[str]]:
    """[role, person] of whose word the register does not believe or misses, by the places that it names. sent_along: as `carried`."""
    now = sent(case)
    assert now is not None
    found = [one for pointer in pointers for one in _whose(case, pointer.split("/")[1:], sent_along)]
    everybody = [one for one in found if one[1] != now.resident]
    if len(everybody) < len(found) or not found:
        everybody.append(("resident", now.resident))
    return [list(one) for one in dict.fromkeys(everybody)]


def _whose(case: Case, place: Sequence[str], sent_along: Sequence[Taken]) -> Iterator[tuple[str, str]]:
    now, questions = sent(case), asked(case)
    assert now is not None and questions is not None
    number = int(place[-1]) if place and place[-1].isdecimal() else 0
    match list(place):
        case ["words", "said", _] if number < len(sent_along):
            taken = sent_along[number]
            role = next((role for role, names in BY_ROLE.items() if taken.name in names), "resident")
            yield role, taken.acting_for
        case ["people", _] if number < len(movers := movers_of(case)) and movers[number] in questions.joining:
            yield "mover", movers[number]
        case ["custodians", child, _]:
            by_code = {codes((one,))[0]: people for one, people in questions.custodians.items()}
            yield from (("custodian", one) for one in by_code.get(child, ())[number : number + 1])
        case ["consent", "owners", _]:
            yield from (("owner", one) for one in consenting(case)[number : number + 1])
        case _:
            yield "resident", now.resident
