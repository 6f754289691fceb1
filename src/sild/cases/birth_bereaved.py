"""A parent dies while the case lives (`Process.mourned`): nobody waits for them, and whoever acts from then on is whom the population register names.

Who has custody acts alone, and so does a guardian whom a court has appointed. While there is nobody, the office names the child itself.
What the dead parent had to say is not asked of anybody: an official looks at it before the birth is registered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sild.cases.birth_facts import POPULATION, Grounds, declared, known, named_father, recorded
from sild.cases.birth_work import act, case_of, child_in
from sild.cases.case import Case, Taken
from sild.cases.process import Asking, JobFunction, Work
from sild.cases.refusals import Refused

__all__ = [
    "BirthBereaved",
    "custodians_in",
    "entrusted",
    "is_asked_in_vain",
    "is_for_nobody",
    "is_left_agreed",
    "living",
    "may_act",
]


def living(case: Case) -> tuple[str, ...]:
    """Who acts as a parent in the case, without those who have died."""
    gone = case.departed()
    return tuple(person for person in case.persons("parent") if person not in gone)


def entrusted(case: Case) -> Sequence[str] | None:
    """Whom the population register names since somebody died; None: nobody died, or it has not answered yet."""
    said = case.since("BEREAVE") if case.departed() else ()
    return next((one.data["acting"] for one in reversed(said) if one.name == "ENTRUST"), None)


def may_act(case: Case, person: str) -> bool:
    """Whether somebody acts as a parent still, or by now."""
    return not case.departed() or person in (entrusted(case) or ())


def is_for_nobody(case: Case) -> bool:
    """A parent has died, and nobody is there who could name the child."""
    acting = entrusted(case)
    return acting is not None and not set(acting) & set(living(case))


def is_asked_in_vain(case: Case) -> bool:
    """Whether the mother or the man she named has died: one alone settles no paternity here."""
    said, gone = recorded(case), case.departed()
    return said is not None and bool({said.mother, named_father(case)} & gone)


def is_left_agreed(before: Case, died: Taken) -> bool:
    """Of a name that waited for the other parent's word: whether all who live have signed it."""
    if declared(before) is None:
        return False
    alive = {person for person in living(before) if person != died.data["person"]}
    said = {one.acting_for for one in before.since("RETURN") if one.name in ("DECLARE", "COSIGN")}
    return alive <= said


async def custodians_in(asking: Asking, grounds: Grounds, child: str) -> frozenset[str]:
    """Bare codes of the living parents who have custody. Raises Refused (`register_down`)."""
    answer = await asking.get(POPULATION, f"/persons/{child}/parents", basis=grounds.relations)
    if answer is None:
        raise Refused("the register does not answer", code="register_down", register=POPULATION)
    return frozenset(one["code"] for one in answer.json["items"] if _acts(one))


class BirthBereaved:
    def __init__(self, service: str, grounds: Grounds) -> None:
        self._service = service
        self._grounds = grounds

    def by_kind(self) -> Mapping[str, JobFunction]:
        return {"entrust": self.entrust}

    async def entrust(self, work: Work) -> None:
        """Who acts for the child: parents with custody, and guardians. Also when a court has appointed one."""
        case, child = await case_of(work, self._service), child_in(work)
        if case is None:
            return
        found: dict[str, list[str]] = {}
        for kind in ("parents", "guardians"):
            path = f"/persons/{child}/{kind}"
            basis = self._grounds.relations
            answer = await work.call(kind, POPULATION, "GET", path, basis=basis, case=case)
            people = [one for one in answer.json["items"] if _acts(one)]
            found[kind] = [known(one["code"], work.profile.country) for one in people]
        acting = list(dict.fromkeys([*found["parents"], *found["guardians"]]))
        await act(work, "entrusted", "ENTRUST", {"acting": acting, "guardians": found["guardians"]}, case)


def _acts(one: Mapping[str, Any]) -> bool:  # JSON
    return bool(one["custody"] or one["relation"] == "guardian") and one["status"] != "DEAD"
