"""What a case of birth shows and lets choose from, asked of the registers while a person waits.

A parent sees the other parent's name, and the address of a home only as a choice for the child; after a protection order, nobody's
but their own. What a register does not answer is unknown, with the register's name: never zero, never left out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from babel.numbers import format_currency

from sild.cases.actor import Actor
from sild.cases.birth_facts import (
    EDUCATION,
    POPULATION,
    RESIDENCE,
    SOCIAL,
    Grounds,
    bare,
    child_of,
    declared,
    is_kept_from,
    recorded,
)
from sild.cases.case import Case
from sild.cases.process import Asking
from sild.cases.views import FactLine, Options
from sild.catalogue import Screen
from sild.i18n import Texts, format_day

__all__ = ["BirthScreens"]

CHECKS = (
    "names_differ",
    "paternity_open",
    "another_father_named",
    "foreign_parent",
    "protection",
    "office_unknown",
)
"""What can stand against a registration by rule, in the order in which the desk shows it; whatever else is found follows."""


class BirthScreens:
    def __init__(self, grounds: Grounds, texts: Texts) -> None:
        self._grounds = grounds
        self._texts = texts

    # --- choices

    async def options(self, case: Case, screen: Screen, actor: Actor, asking: Asking) -> Options:
        """Only of what this screen lets choose from: nothing is asked that nobody is shown."""
        found: dict[str, Sequence[tuple[str, str]]] = {}
        for name in {field.options_from for field in screen.fields()}:
            match name:
                case "family_names":
                    found[name] = await self._family_names(case, asking)
                case "homes":
                    found[name] = await self._homes(case, actor, asking)
                case "kindergartens":
                    found[name] = await self._kindergartens(case, actor, asking)
                case "benefit_choices":
                    found[name] = await self._benefit_choices(case, actor, asking)
        return found

    async def _family_names(self, case: Case, asking: Asking) -> list[tuple[str, str]]:
        """The parents', each once."""
        names = []
        for person in case.persons("parent"):
            answer = await asking.get(POPULATION, f"/persons/{bare(person)}", basis=self._grounds.relations)
            if answer is not None and answer.json.get("family_name"):
                names.append(str(answer.json["family_name"]))
        return [(name, name) for name in dict.fromkeys(names)]

    async def _homes(self, case: Case, actor: Actor, asking: Asking) -> list[tuple[str, str]]:
        """Whose home the child comes to: `mother`, `father`; one option when they share it. By hand: `later`."""
        say = self._texts.speaker(self._texts.choose([actor.language]))
        homes: dict[str, str] = {}
        dwellings: dict[Any, str] = {}
        for role, person in _parents(case):
            own = person == actor.acting_for
            if not own and is_kept_from(case, actor.person):
                continue
            lives = await self._residence(person, asking)
            if lives is None:
                if own:
                    homes[role] = say("option.home_not_answered")
            elif lives["level"] in ("dwelling", "commune"):
                if lives.get("dwelling") is not None and lives["dwelling"] in dwellings:
                    shared = dwellings[lives["dwelling"]]
                    homes[shared] = say("option.home_shared", address=lives["text"])
                    continue
                dwellings[lives.get("dwelling")] = role
                homes[role] = say("option.home_own" if own else "option.home_other", address=lives["text"])
            elif own:
                homes[role] = say(
                    "option.home_sealed" if lives["level"] == "sealed" else "option.home_unknown"
                )
        return [*homes.items(), ("later", say("option.home_later"))]

    async def _kindergartens(self, case: Case, actor: Actor, asking: Asking) -> list[tuple[str, str]]:
        """Of the commune where the person lives; `any` always."""
        say = self._texts.speaker(self._texts.choose([actor.language]))
        found = [("any", say("option.any_kindergarten"))]
        lives = await self._residence(actor.acting_for, asking)
        units = (lives or {}).get("is") or []
        if not units:
            return found
        path = f"/places?commune={units[0]['code']}"
        answer = await asking.get(EDUCATION, path, basis=self._grounds.places)
        free: dict[int, tuple[str, int]] = {}
        for group in answer.json["items"] if answer is not None else ():
            name, before = free.get(group["kindergarten"], (group["name"], 0))
            free[group["kindergarten"]] = (name, before + group["free"])
        found += [
            (str(number), say("option.kindergarten", name=name, free=count))
            for number, (name, count) in sorted(free.items(), key=lambda item: item[1][0])
        ]
        return found

    async def _benefit_choices(self, case: Case, actor: Actor, asking: Asking) -> list[tuple[str, str]]:
        offer = await self.offer(case, asking)
        language = self._texts.choose([actor.language])
        say = self._texts.speaker(language)
        return [
            (
                choice["id"],
                say(f"choice.{choice['id']}")
                + ": "
                + "; ".join(self._item(item, case, actor, language) for item in choice["items"]),
            )
            for choice in (offer or {"choices": []})["choices"]
        ]

    def _item(self, item: Mapping[str, Any], case: Case, actor: Actor, language: str) -> str:
        """`parental benefit 1240.00 EUR a month to you, from 1 March 2026`; an unknown amount with who holds what is missing."""
        say = self._texts.speaker(language)
        whose = "you" if item["person"] == bare(actor.acting_for) else _role_of(case, item["person"])
        if item["amount"] is None:
            amount = say("offer.unknown", holder=say(f"register.{item['unknown']['holder']}"))
        else:
            amount = format_currency(Decimal(item["amount"]), item["currency"], locale=language)
        begin = format_day(date.fromisoformat(item["valid_from"]), language)
        return say(
            f"offer.per_{item['per']}",
            benefit=say(f"benefit.{item['benefit']}"),
            amount=amount,
            whose=say(f"offer.to_{whose}"),
            begin=begin,
        )

    async def offer(self, case: Case, asking: Asking) -> Mapping[str, Any] | None:
        """As the board holds it now; None: none is made, or it does not answer."""
        made = case.given("OFFER")
        if not made:
            return None
        answer = await asking.get(SOCIAL, f"/offers/{made['offer']}", basis=self._grounds.benefits)
        return answer.json if answer is not None else None

    def suggested(self, case: Case, screen: Screen) -> Mapping[str, Sequence[str]]:
        """What was sent before a return stands there again; an answer to a name begins with that name."""
        if screen.id == "birth.desk" or not case.has("DECLARE"):
            return {}
        first = case.last("DECLARE") if case.status == "RETURNED" else declared(case)
        if first is None:
            return {}
        values = {name: first.data.get(name) for name in (field.name for field in screen.fields())}
        return {
            name: ["yes" if value is True else "no" if value is False else str(value)]
            for name, value in values.items()
            if value is not None
        }

    # --- facts

    async def facts(
        self, case: Case, of: str, concepts: Sequence[str], actor: Actor, asking: Asking
    ) -> Sequence[FactLine] | None:
        match of:
            case "me":
                return [await self._home_line(actor.acting_for, "me", asking)]
            case "declaration":
                return [line async for line in self._declaration(case, actor, asking)]
            case "checks":
                return list(_checks(case))
            case "paternity":
                return list(_paternity(case))
            case "offer":
                return list(self._offer_lines(case, await self.offer(case, asking), asking))
            case "homes":
                homes = [(role, person) for role, person in _parents(case)]
                return [await self._home_line(person, role, asking) for role, person in homes]
        return None

    async def _declaration(self, case: Case, actor: Actor, asking: Asking) -> AsyncIterator[FactLine]:
        """What holds now; the address as this reader may see it."""
        first = declared(case)
        if first is None:
            return
        at = first.at.date().isoformat()
        names = f"{first.data['given_names']} {first.data['family_name']}"
        yield FactLine("child.chosen_names", "declaration", names, source="parent", valid_from=at)
        home = dict(_parents(case)).get(first.data.get("address", ""))
        if home is not None:
            kept = is_kept_from(case, actor.person) and home != actor.acting_for
            line = (
                FactLine("child.chosen_address", "declaration", None, "sealed")
                if kept
                else await self._home_line(home, "declaration", asking)
            )
            yield line
        if first.data.get("wants_place"):
            wanted = first.data.get("wanted_from")
            yield FactLine("child.kindergarten_wish", "declaration", True, source="parent", valid_from=wanted)
        for other in case.since("RETURN"):
            if other is not first and other.name in ("DECLARE", "PROPOSE"):
                names = f"{other.data['given_names']} {other.data['family_name']}"
                at = other.at.date().isoformat()
                yield FactLine("child.other_names_sent", "declaration", names, source="parent", valid_from=at)

    def _offer_lines(self, case: Case, offer: Mapping[str, Any] | None, asking: Asking) -> Iterator[FactLine]:
        """Every amount with its ground; an unknown one names what is missing and who holds it."""
        if offer is None:
            reason = "register_down" if asking.failed(SOCIAL) else "not_held"
            yield FactLine("child.benefit_offer", "offer", None, reason, register=SOCIAL)
            return
        for choice in offer["choices"]:
            for item in choice["items"]:
                unknown = item.get("unknown")
                amount = f"{item['amount']} {item['currency']}" if unknown is None else None
                yield FactLine(
                    f"benefit.{item['benefit']}",
                    choice["id"],
                    amount,
                    None if unknown is None else "not_held",
                    register=SOCIAL if unknown is None else unknown["holder"],
                    source=_role_of(case, item["person"]),
                    valid_from=item["valid_from"],
                    basis=item["basis"],
                )

    async def _residence(self, person: str, asking: Asking) -> Mapping[str, Any] | None:
        answer = await asking.get(
            RESIDENCE, f"/persons/{bare(person)}/residence", basis=self._grounds.residence
        )
        return answer.json if answer is not None else None

    async def _home_line(self, person: str, of: str, asking: Asking) -> FactLine:
        lives = await self._residence(person, asking)
        if lives is None:
            reason = "register_down" if asking.failed(RESIDENCE) else "not_held"
            return FactLine("person.residence", of, None, reason, register=RESIDENCE)
        if lives.get("text") is None:
            reason = "sealed" if lives["level"] == "sealed" else "not_held"
            return FactLine("person.residence", of, None, reason, register=RESIDENCE)
        return FactLine(
            "person.residence",
            of,
            lives["text"],
            register=RESIDENCE,
            source=lives.get("source"),
            valid_from=lives.get("valid_from"),
            known_from=lives.get("known_from"),
            basis=lives.get("basis"),
            ref=lives.get("fact"),
        )


def _parents(case: Case) -> Iterator[tuple[str, str]]:
    """(`mother` or `father`, person), of those who take part."""
    said = recorded(case)
    for person in case.persons("parent"):
        yield "mother" if said is not None and said.mother == person else "father", person


def _role_of(case: Case, code: str) -> str:
    said = recorded(case)
    return "mother" if said is not None and bare(said.mother or "") == bare(code) else "father"


def _checks(case: Case) -> Iterator[FactLine]:
    """Green is True. The newest examination, or the register's own no."""
    examined, halted = case.last("EXAMINE"), case.last("HALT")
    newest = max(
        (taken for taken in (examined, halted) if taken is not None), key=lambda t: t.seq, default=None
    )
    if newest is None:
        yield FactLine("check.examined", "checks", None, "not_held", register=POPULATION)
        return
    found = list(newest.data["defects"])
    for check in (*CHECKS, *(code for code in found if code not in CHECKS)):
        yield FactLine(
            f"check.{check}", "checks", check not in found, valid_from=newest.at.date().isoformat()
        )


def _paternity(case: Case) -> Iterator[FactLine]:
    said = recorded(case)
    state = case.given("PATERNITY").get("status") or (said.paternity if said is not None else None)
    yield FactLine("child.paternity", "paternity", state, None if state else "not_held", register=POPULATION)
    yield FactLine("child.identity_code", "paternity", child_of(case), register=POPULATION)
