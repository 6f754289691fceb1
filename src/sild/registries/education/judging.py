"""The queue as facts for its rules, and what they say of it: who gets the next place, a child's own place, the day it may begin.

A place is shown by those who come before the child, and of each only by what puts it there: where it lives, or else a sibling, or
else when it joined. They are `c0`, `c1` ... in the record, which names none of them, and what is said of them is sealed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, Literal

from sild.decisions import OutcomeItem, Reason, Secret
from sild.errors import CallerError
from sild.registries.deciding import Deciding, Judged, KnownFact, Ruling, reason_of
from sild.registries.education.queue import Child, Group
from sild.registries.education.rules import Waiting, ground
from sild.registries.identity_codes import Country, parse_identity_code
from sild.registries.sources import GuardiansTold, HomeTold, PersonTold

__all__ = [
    "EARLIEST",
    "PLACE",
    "PLACE_OUTPUTS",
    "earliest",
    "granted",
    "judge_again",
    "judge_own",
    "judge_place",
    "offered",
    "place_of",
    "turns",
    "waits",
]

Effect = Literal["offer", "grant", "hold", "correct"]
PACKAGES: dict[Country, str] = {"EE": "ee-kindergarten-queue", "VN": "vn-kindergarten-queue"}
ALGORITHM = "kindergarten-queue"
PACK = "education"
QUEUE = "queues/queue"
PLACE = ("child", "place", "ETERNITY")
EARLIEST = ("child", "earliest", "ETERNITY")
PLACE_OUTPUTS = (PLACE, EARLIEST)
AT_ONCE = 10  # places asked in one evaluation: its trace grows with their number times the queue's length
CODE_BEFORE = "0"  # of who is equal in all else and comes first by code: before every code there is


def turns(deciding: Deciding, line: Sequence[Waiting], count: int, *, at: date) -> list[str]:
    """Codes of those who get the next `count` places, by the rules, out of all who wait.

    Raises CallerError as `Deciding.judge`; `queue_rule_differs`: the rules order the queue in a way that this register does not know.
    """
    facts = [_members([f"c{n}" for n in range(len(line))]), *_everything(line)]
    chosen = line[:count]
    if not chosen:
        return []
    package = PACKAGES[parse_identity_code(chosen[0].child).country]
    for start in range(0, len(chosen), AT_ONCE):
        asked = [(f"c{n}", "place", "ETERNITY") for n in range(start, min(start + AT_ONCE, len(chosen)))]
        judged = deciding.judge(package, facts, at=at, outputs=asked)
        _ensure([judged.evaluation.value(*one) for one in asked], start + 1)
    return [one.child for one in chosen]


def judge_place(deciding: Deciding, child: Child, line: Sequence[Waiting], *, at: date) -> Judged:
    """The child's place among those who wait, and the day from which it may attend. Raises as `turns`."""
    place = next(number for number, one in enumerate(line) if one.child == child.child)
    own, ahead = line[place], line[:place]
    facts = (
        _members([*(f"c{number}" for number in range(place)), "child"]),
        *_own(child),
        *_standing(deciding, child, own),
        *(fact for number, one in enumerate(ahead) for fact in _before(deciding, f"c{number}", one, own)),
    )
    judged = deciding.judge(PACKAGES[_country(child)], facts, at=at, outputs=[PLACE, EARLIEST])
    _ensure([place_of(judged)], place + 1)
    return judged


def judge_own(deciding: Deciding, child: Child, *, at: date) -> Judged:
    """The day from which it may attend, alone. Raises as `Deciding.judge`."""
    facts = (_members(["child"]), *_own(child))
    return deciding.judge(PACKAGES[_country(child)], facts, at=at, outputs=[EARLIEST])


def judge_again(deciding: Deciding, child: Child, facts: Sequence[KnownFact], *, at: date) -> Judged:
    """By the facts of a decision. Raises as `Deciding.judge`."""
    return deciding.judge(PACKAGES[_country(child)], facts, at=at, outputs=[PLACE, EARLIEST])


def earliest(deciding: Deciding, country: Country, born: date, *, at: date) -> date:
    """The first day on which a child may attend. Raises as `Deciding.judge`."""
    facts = (
        _members(["child"]),
        KnownFact("persons/child/born/ETERNITY", "date", born.isoformat()),
    )
    judged = deciding.judge(PACKAGES[country], facts, at=at, outputs=[EARLIEST])
    return date.fromisoformat(str(judged.evaluation.value(*EARLIEST)))


def place_of(judged: Judged) -> int:
    return int(str(judged.evaluation.value(*PLACE)))


def offered(deciding: Deciding, child: Child, group: Group) -> Ruling:
    return _ruling(deciding, child, "offer", "offer", _items(child, group), supersedes=child.decision)


def granted(deciding: Deciding, child: Child, group: Group) -> Ruling:
    return _ruling(deciding, child, "grant", "grant", _items(child, group))


def waits(
    deciding: Deciding, child: Child, group: Group, review_on: date, *, again: Reason | None = None
) -> Ruling:
    """No free place, and the day on which that will be looked at again. again: why it is decided anew."""
    why = reason_of(PACK, "no_free_place", ground(_country(child)), day=review_on)
    review = OutcomeItem(name="review_on", type="date", value=Secret(secret=review_on.isoformat()))
    items = (*_items(child, group), review)
    reasons = (why,) if again is None else (again, why)
    effect: Effect = "hold" if again is None else "correct"
    return _ruling(deciding, child, effect, "wait", items, reasons=reasons, supersedes=child.decision)


def _ruling(
    deciding: Deciding,
    child: Child,
    effect: Effect,
    step: str,
    items: tuple[OutcomeItem, ...],
    *,
    reasons: tuple[Reason, ...] = (),
    supersedes: str | None = None,
) -> Ruling:
    """In the child's own case: what frees a place may have happened in another child's."""
    country = _country(child)
    return Ruling(
        country=country,
        effect=effect,
        step=step,
        service="birth",
        algorithm=ALGORITHM,
        purpose="a kindergarten place",
        subjects=(
            (child.child, "child"),
            *((code, "parent") for code in child.parents),
            *((one.code, "guardian") for one in child.guardians if one.code not in child.parents),
        ),
        outcome=f"kindergarten_place.{step}",
        items=items,
        reasons=reasons,
        supersedes=supersedes,
        case=child.issue or f"kindergarten/{deciding.store.pseudonym(child.child)}",
    )


def _items(child: Child, group: Group) -> tuple[OutcomeItem, ...]:
    begin = None if child.wanted_from is None else child.wanted_from.isoformat()
    found = (
        OutcomeItem(name="kindergarten", type="text", value=Secret(secret=group.name)),
        OutcomeItem(name="group", type="int", value=Secret(secret=group.id)),
    )
    if begin is None:
        return found
    return (*found, OutcomeItem(name="wanted_from", type="date", value=Secret(secret=begin)))


def _members(names: list[str]) -> KnownFact:
    return KnownFact(f"{QUEUE}/child", "role", names, in_clear=True)


def _everything(line: Sequence[Waiting]) -> Iterator[KnownFact]:
    """Not for a record."""
    for number, one in enumerate(line):
        for name, kind, value, _ in (*one.compared, ("code", "text", one.child, 0)):
            yield KnownFact(f"persons/c{number}/{name}/ETERNITY", kind, value)


def heard(told: PersonTold | HomeTold | GuardiansTold) -> list[str | None]:
    """As it is kept with a child: who said so, by which message, and when."""
    return [told.source, told.message_id, None if told.at is None else told.at.isoformat()]


def _said(child: Child, name: str) -> dict[str, Any]:
    """Of a fact: who said so, by which message, and when it was heard."""
    source, message, *at = child.told.get(name, (None, None))
    heard_at = datetime.fromisoformat(at[0]) if at and at[0] else None
    return {"register": source, "message_id": message, "fetched_at": heard_at}


def _own(child: Child) -> Iterator[KnownFact]:
    said = _said(child, "person")
    yield KnownFact("persons/child/born/ETERNITY", "date", child.born.isoformat(), **said)
    yield KnownFact("persons/child/code/ETERNITY", "text", child.child, **said)


def _standing(deciding: Deciding, child: Child, own: Waiting) -> Iterator[KnownFact]:
    """What residence told, and what the register itself knows: who attends, and when the child joined."""
    by_home, ours = _said(child, "home"), {"register": deciding.kernel.system}
    if own.by_hand is not None:
        by_home = ours = {**ours, "message_id": own.by_hand, "asserted_by": "official"}
    for name, kind, value, _ in own.compared[:3]:
        of_home = name == "resident"
        yield KnownFact(
            f"persons/child/{name}/ETERNITY",
            kind,
            value,
            **(by_home if of_home else ours),
        )


def _before(deciding: Deciding, name: str, other: Waiting, own: Waiting) -> Iterator[KnownFact]:
    """Of somebody who comes first: as far as the first thing in which the two differ."""
    register = deciding.kernel.system
    by: dict[str, Any] = {} if other.by_hand is None else {"asserted_by": "official"}
    for (variable, kind, value, rank), (*_, ours) in zip(other.compared, own.compared, strict=True):
        yield KnownFact(f"persons/{name}/{variable}/ETERNITY", kind, value, register=register, **by)
        if rank != ours:
            return
    yield KnownFact(f"persons/{name}/code/ETERNITY", "text", CODE_BEFORE, register=register)


def _ensure(places: Sequence[object], first: int) -> None:
    if list(places) != list(range(first, first + len(places))):
        raise CallerError("the rules order the queue otherwise", code="queue_rule_differs")


def _country(child: Child) -> Country:
    return parse_identity_code(child.child).country
