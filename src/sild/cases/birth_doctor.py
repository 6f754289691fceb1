"""The family doctor in a case of birth: the law's list at first, another by one choice, which the register takes or refuses.

A child joins its mother's list by itself, the father's if she has none: who wants that, or to choose later, sends nothing. Another
practice goes to the register when the birth is registered, said by the parent; refused, a parent is told, and picks once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sild.cases.actor import Actor
from sild.cases.birth_facts import BY_LAW, CARE, LATER, Grounds, bare, doctor_wished, homes_of
from sild.cases.birth_kept import is_kept
from sild.cases.birth_work import act, child_in, spoken_by
from sild.cases.case import Case, Taken
from sild.cases.process import Asking, Given, Job, JobFunction, Work
from sild.cases.refusals import Refused
from sild.catalogue import Defect
from sild.errors import CallerError
from sild.i18n import Speaker

__all__ = ["SCREEN", "BirthDoctor", "entering_doctor", "may_choose_doctor"]

SCREEN = "birth.doctor"


def may_choose_doctor(case: Case) -> str | None:
    """Why no practice can be chosen here now, as a code of `Refused`; None: one that was chosen was refused, and nothing since."""
    said = case.all("CHOOSE_DOCTOR", "DOCTOR", "REFUSE_DOCTOR")
    return None if said and said[-1].name == "REFUSE_DOCTOR" else "too_late"


def entering_doctor(case: Case, said: Taken | None) -> tuple[Job, ...]:
    """What a declaration, or a choice anew, has the register told. A word of who has died is not said for them."""
    if said is None or doctor_wished(said) is None or said.acting_for in case.departed():
        return ()
    arguments = {"practice": doctor_wished(said), "acting": said.person, "for": said.acting_for}
    return (Job("doctor", arguments, key=str(said.seq)),)


class BirthDoctor:
    def __init__(self, grounds: Grounds) -> None:
        self._grounds = grounds

    def by_kind(self) -> Mapping[str, JobFunction]:
        return {"doctor": self.doctor}

    # --- what is chosen from

    async def options(
        self, case: Case, actor: Actor, division: str | None, asking: Asking, say: Speaker, *, anew: bool
    ) -> list[tuple[str, str]]:
        """First the list the law gives, then practices with room where the person lives. anew: after a refusal; no `later`.

        A protection order between the parents keeps the other's practice from both, as their homes: it is a door they go through.
        """
        law, known = await self._by_law(case, actor, asking, say)
        found = [(BY_LAW, law)]
        found += [
            (str(one["id"]), say("option.doctor_room", name=one["name"], free=one["free"]))
            for one in await self._near(division, asking)
            if one["free"] and one["id"] != known
        ]
        return found if anew else [*found, (LATER, say("option.doctor_later"))]

    async def _by_law(self, case: Case, actor: Actor, asking: Asking, say: Speaker) -> tuple[str, str | None]:
        """In words, and its number where this reader may know it."""
        kept = is_kept(case, actor)
        parents = [(role, person) for role, person in homes_of(case) if role in ("mother", "father")]
        for role, person in parents:  # the mother first, as the register has it
            if kept and person != actor.acting_for:
                return say("option.doctor_kept"), None
            path = f"/persons/{bare(person)}/practice"
            answer = await asking.get(CARE, path, basis=self._grounds.practice)
            held = {} if answer is None else answer.json.get("now") or {}
            if held:
                return say(f"option.doctor_{role}", name=held["name"]), str(held["practice"])
        return say("option.doctor_by_law"), None

    async def _near(self, division: str | None, asking: Asking) -> list[Mapping[str, Any]]:
        """The freest first; nothing where no home is known, or the register does not answer."""
        if division is None:
            return []
        path = f"/practices?division={division}"
        answer = await asking.get(CARE, path, basis=self._grounds.practice)
        return [] if answer is None else list(answer.json["items"])

    # --- what is sent

    async def kept_with(self, values: Mapping[str, Any], asking: Asking) -> Given:
        """What is kept of a choice: with the practice's name. A register that is silent is asked when the birth is registered."""
        wanted = str(values.get("doctor") or BY_LAW)
        if wanted in (BY_LAW, LATER):
            return Given({"doctor": wanted})
        parts = wanted.split("-")  # EE-0793-2: the country, the division, which of them
        near = await self._near(parts[1], asking) if len(parts) == 3 and parts[1].isalnum() else []
        one = next((one for one in near if one["id"] == wanted), None)
        if one is None and not asking.failed(CARE):
            return Given({}, (Defect("doctor", "not_an_option"),))
        return Given({"doctor": wanted, **({} if one is None else {"doctor_name": one["name"]})})

    async def check_anew(self, case: Case, values: Mapping[str, Any], asking: Asking) -> Given:
        """Raises Refused as `may_choose_doctor` tells."""
        why_not = may_choose_doctor(case)
        if why_not is not None:
            raise Refused("another practice is not for now", code=why_not)
        return await self.kept_with(values, asking)

    async def doctor(self, work: Work) -> None:
        """The choice, said by the parent; taken, or not and why."""
        acting, whose = spoken_by(work)
        try:
            answer = await work.call(
                "doctor",
                CARE,
                "POST",
                f"/persons/{child_in(work)}/practice",
                {"practice": work.arguments["practice"]},
                basis=self._grounds.practice,
                acting=acting,
                acting_for=whose,
                says="choosePractice",
            )
        except CallerError as refusal:
            await act(work, "refused", "REFUSE_DOCTOR", {"reason": refusal.code, "person": whose})
            return
        held = answer.json.get("later") or answer.json["now"]
        await act(work, "listed", "DOCTOR", {"name": held["name"], "since": held["valid_from"]})
