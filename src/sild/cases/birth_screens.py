"""What a case of birth shows and lets choose from, asked of the registers while a person waits.

A parent sees the other parent's name, and the address of a home only as a choice for the child; after a protection order, nobody's
but their own. What a register does not answer is unknown, with the register's name: never zero, never left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from sild.cases.actor import Actor
from sild.cases.birth_doctor import SCREEN as DOCTOR
from sild.cases.birth_doctor import BirthDoctor
from sild.cases.birth_facts import (
    BY_LAW,
    EDUCATION,
    POPULATION,
    RESIDENCE,
    SOCIAL,
    Grounds,
    bare,
    child_of,
    country_of,
    declared,
    homes_of,
    office_for,
    recorded,
)
from sild.cases.birth_kept import FACTS, OPTIONS, SUGGESTED, is_kept
from sild.cases.birth_paternity import people_here
from sild.cases.birth_payments import returned_lines
from sild.cases.birth_silent import SILENT
from sild.cases.birth_wish import SCREEN as WISH
from sild.cases.birth_wish import BirthWish, standing_lines, wished
from sild.cases.case import Case
from sild.cases.process import Asking
from sild.cases.views import FactLine, Options
from sild.catalogue import Profile, Screen
from sild.i18n import Speaker, Texts, format_day, format_money, whole_name

__all__ = ["BirthScreens"]

CHECKS = {
    "names_differ": "check.names_agree",
    SILENT: "check.parents_answered",
    "paternity_open": "check.paternity_settled",
    "another_father_named": "check.one_father_named",
    "foreign_parent": "check.one_country",
    "protection": "check.no_protection_order",
    "parent_died": "check.parents_live",
    "office_unknown": "check.office_known",
}
"""What can stand against a registration by rule, and the check that is green without it, in the order of the desk."""

REGISTERS = ("population", "residence", "social", "tax")
"""Holders of what may be unknown in an offer, that have a name in the texts."""

Home = Mapping[str, Any] | None
"""A residence register's answer; None: there was none."""


class BirthScreens:
    def __init__(self, grounds: Grounds, texts: Texts, wish: BirthWish, doctor: BirthDoctor) -> None:
        self._grounds = grounds
        self._wish = wish
        self._doctor = doctor
        self._texts = texts

    # --- choices

    async def options(self, case: Case, screen: Screen, actor: Actor, asking: Asking) -> Options:
        """Only of what this screen lets choose from: nothing is asked that nobody is shown."""
        found: dict[str, Sequence[tuple[str, str]]] = {}
        homes = await self._all_homes(case, screen, actor, asking)
        kept = is_kept(case, actor)
        for name in {field.options_from for field in screen.fields()}:
            if kept and name not in OPTIONS:
                continue
            match name:
                case "family_names":
                    found[name] = await self._family_names(case, asking)
                case "homes":
                    found[name] = self._homes(case, actor, homes)
                case "kindergartens":
                    found[name] = await self._kindergartens(actor, homes, asking)
                case "doctors":
                    lives, say = homes.get(actor.acting_for), self._say(actor)
                    anew = screen.id == DOCTOR
                    found[name] = await self._doctor.options(
                        case, actor, _division(lives), asking, say, anew=anew
                    )
                case "wishes":
                    found[name] = await self._wish.options(case, asking, self._say(actor))
                case "present":
                    found[name] = people_here(case, self._say(actor))
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

    async def _all_homes(self, case: Case, screen: Screen, actor: Actor, asking: Asking) -> dict[str, Home]:
        """By person, of those whose home this reader may see; each asked for once."""
        wanted = {"homes", "kindergartens", "doctors"} & {field.options_from for field in screen.fields()}
        if not wanted:
            return {}
        only_own = is_kept(case, actor) or "homes" not in wanted
        seen = [person for _role, person in homes_of(case) if person == actor.acting_for or not only_own]
        return {person: await self._residence(person, asking) for person in seen}

    def _homes(self, case: Case, actor: Actor, homes: Mapping[str, Home]) -> list[tuple[str, str]]:
        """Whose home the child comes to: `mother`, `father`; one option when they share it, first; `later`, by hand."""
        say = self._say(actor)
        found: dict[str, str] = {}
        dwellings: dict[Any, str] = {}
        for role, person in homes_of(case):
            own, lives = person == actor.acting_for, homes.get(person)
            level = lives["level"] if lives is not None else "not_answered"
            if lives is not None and level in ("dwelling", "commune"):
                shared = dwellings.setdefault(lives.get("dwelling") or person, role)
                kind = "shared" if shared != role else "own" if own else "other"
                found[shared] = say(f"option.home_{kind}", address=lives["text"])
            elif own:
                found[role] = say(f"option.home_{'sealed' if level == 'sealed' else 'unknown'}")
        return [*found.items(), ("later", say("option.home_later"))]

    async def _kindergartens(
        self, actor: Actor, homes: Mapping[str, Home], asking: Asking
    ) -> list[tuple[str, str]]:
        """Of the commune where the person lives; `any` always."""
        say = self._say(actor)
        found = [("any", say("option.any_kindergarten"))]
        lives = homes.get(actor.acting_for) or {}
        commune = office_for(asking.profile, "kindergarten", lives, asking.profile.day(asking.now))
        if commune is None:
            return found
        path = f"/places?commune={commune}"
        answer = await asking.get(EDUCATION, path, basis=self._grounds.places)
        free: dict[int, tuple[str, int]] = {}
        for group in answer.json["items"] if answer is not None else ():
            name, before = free.get(group["kindergarten"], (group["name"], 0))
            free[group["kindergarten"]] = (name, before + group["free"])
        by_name = sorted(free.items(), key=lambda item: item[1][0])
        found += [
            (str(number), say("option.kindergarten", name=name, free=count))
            for number, (name, count) in by_name
        ]
        return found

    def _say(self, actor: Actor) -> Speaker:
        """Of the service's own texts."""
        say = self._texts.speaker(self._texts.choose([actor.language]))
        return lambda key, **values: say(f"birth.{key}", **values)

    async def _benefit_choices(self, case: Case, actor: Actor, asking: Asking) -> list[tuple[str, str]]:
        offer = await self.offer(case, asking)
        say, found = self._say(actor), []
        for choice in (offer or {"choices": []})["choices"]:
            items = (self._item(item, case, actor) for item in choice["items"])
            lines = [say(f"choice.{choice['id']}"), *(item[:1].upper() + item[1:] for item in items)]
            if set(choice["needs"]) - {bare(actor.acting_for)}:
                lines.append(say("offer.needs_the_other"))
            found.append((choice["id"], "\n".join(lines)))
        return found

    def _item(self, item: Mapping[str, Any], case: Case, actor: Actor) -> str:
        """`parental benefit €1,240.00 a month, to you, from 1 March 2026`; an unknown amount with who holds what is missing."""
        say, language = self._say(actor), self._texts.choose([actor.language])
        if item["amount"] is None:
            amount = say("offer.unknown", holder=say(_register_key(item["unknown"]["holder"])))
        else:
            amount = format_money(item["amount"], item["currency"], language)
        return say(
            f"offer.per_{item['per']}",
            benefit=say(f"benefit.{item['benefit']}"),
            amount=amount,
            whose=_whose(case, item, actor, say),
            begin=format_day(date.fromisoformat(item["valid_from"]), language),
        )

    async def offer(self, case: Case, asking: Asking) -> Mapping[str, Any] | None:
        """As the board holds it now; None: none is made, or it does not answer."""
        made = case.given("OFFER")
        if not made:
            return None
        answer = await asking.get(SOCIAL, f"/offers/{made['offer']}", basis=self._grounds.benefits)
        return answer.json if answer is not None else None

    def suggested(self, case: Case, screen: Screen, actor: Actor) -> Mapping[str, Sequence[str]]:
        """What was sent before a return stands there again; an answer to a name begins with that name."""
        found = self._suggested(case, screen)
        if not is_kept(case, actor):
            return found
        by_law = {"doctor": [BY_LAW]} if "doctor" in found else {}
        return {name: value for name, value in found.items() if name in SUGGESTED} | by_law

    def _suggested(self, case: Case, screen: Screen) -> Mapping[str, Sequence[str]]:
        if screen.id == WISH:
            stands = wished(case)
            return {} if stands is None else {"kindergarten": [stands]}
        by_law = {"doctor": [BY_LAW]} if screen.id == "birth.check_and_name" else {}
        if screen.id in ("birth.desk", DOCTOR) or not case.has("DECLARE"):
            return by_law
        first = case.last("DECLARE") if case.status == "RETURNED" else declared(case)
        if first is None:
            return by_law
        values = {name: first.data.get(name) for name in (field.name for field in screen.fields())}
        return by_law | {
            name: ["yes" if value is True else "no" if value is False else str(value)]
            for name, value in values.items()
            if value is not None
        }

    # --- facts

    async def facts(
        self, case: Case, of: str, concepts: Sequence[str], actor: Actor, asking: Asking
    ) -> Sequence[FactLine] | None:
        if of not in FACTS and is_kept(case, actor):
            return [FactLine(concept, of, None, "sealed") for concept in concepts]
        match of:
            case "child" | "parent":
                people = [await self._person(person, of, concepts, asking) for person in case.persons(of)]
                return [line for lines in people for line in lines]
            case "me":
                return [await self._home_line(actor.acting_for, of, "person.residence", asking)]
            case "homes":
                return [
                    await self._home_line(person, of, f"home.{role}", asking)
                    for role, person in homes_of(case)
                ]
            case "declaration":
                return [line async for line in self._declaration(case, actor, asking)]
            case "checks":
                return list(_checks(case, asking.profile))
            case "paternity":
                return list(_paternity(case))
            case "place":
                return list(_place(case))
            case "queue":
                path = f"/children/{child_of(case)}/queue"
                queue = await asking.get(EDUCATION, path, basis=self._grounds.places)
                return list(standing_lines(queue.json if queue else None, self._say(actor)))
            case "returned":
                language = self._texts.choose([actor.language])
                lines = list(returned_lines(case, language, actor.acting_for))
                return [*lines, *self._own_account(await self.offer(case, asking), actor)]
            case "offer":
                offer = await self.offer(case, asking)
                language = self._texts.choose([actor.language])
                lines = list(_offer_lines(case, offer, actor, asking, self._say(actor), language))
                return [*lines, *self._words(case, offer, actor), *self._own_account(offer, actor)]
        return None

    def _words(self, case: Case, offer: Mapping[str, Any] | None, actor: Actor) -> Iterator[FactLine]:
        """What each parent has named, where it waits for the other's word."""
        say = self._say(actor)
        for word in offer["words"] if offer is not None and offer["acceptance"] is None else ():
            role = "you" if word["person"] == bare(actor.acting_for) else _role_of(case, word["person"])
            at, label = date.fromisoformat(word["at"][:10]).isoformat(), say(f"offer.named_by_{role}")
            chosen = say(f"choice.{word['choice']}")
            yield FactLine(
                "child.chosen_benefits", "offer", chosen, register=SOCIAL, valid_from=at, label=label
            )

    def _own_account(self, offer: Mapping[str, Any] | None, actor: Actor) -> Iterator[FactLine]:
        """Where the reader is paid, by its last digits; another's account is nobody's to see."""
        for one in offer["accounts"] if offer is not None else ():
            if one["person"] == bare(actor.acting_for):
                value = self._say(actor)("offer.account_ends", ends=one["ends"])
                yield FactLine("person.account", "offer", value, register=SOCIAL, source="parent")

    async def _person(self, person: str, of: str, concepts: Sequence[str], asking: Asking) -> list[FactLine]:
        """One look for all that the screen shows of somebody."""
        path = f"/persons/{bare(person)}/facts"
        answer = await asking.get(POPULATION, path, basis=self._grounds.relations)
        items = answer.json["items"] if answer is not None else []
        lines = []
        for concept in concepts:
            held = next((item for item in items if item.get("concept") == concept), None)
            if held is None:
                reason = "register_down" if asking.failed(POPULATION) else "not_held"
                lines.append(FactLine(concept, of, None, reason, register=POPULATION))
                continue
            said = {name: held.get(name) for name in ("source", "valid_from", "known_from", "basis")}
            lines.append(FactLine(concept, of, held["value"], register=POPULATION, ref=held["fact"], **said))
        return lines

    async def _declaration(self, case: Case, actor: Actor, asking: Asking) -> AsyncIterator[FactLine]:
        """What holds now; the address as this reader may see it."""
        first = declared(case)
        if first is None:
            return
        country, at = country_of(child_of(case)), asking.profile.day(first.at).isoformat()
        names = whole_name(first.data["given_names"], first.data["family_name"], country)
        yield FactLine("child.chosen_names", "declaration", names, source="parent", valid_from=at)
        home = dict(homes_of(case)).get(first.data.get("address", ""))
        if home is not None:
            kept = is_kept(case, actor) and home != actor.acting_for
            concept = "child.chosen_address"
            if kept:
                yield FactLine(concept, "declaration", None, "sealed", register=RESIDENCE)
            else:
                yield await self._home_line(home, "declaration", concept, asking)
        doctor = first.data.get("doctor_name")
        if doctor is not None and (actor.acting_for == first.acting_for or not is_kept(case, actor)):
            yield FactLine("child.chosen_doctor", "declaration", doctor, source="parent", valid_from=at)
        if first.data.get("wants_place") and not is_kept(case, actor):
            wanted = first.data.get("wanted_from")
            yield FactLine("child.kindergarten_wish", "declaration", True, source="parent", valid_from=wanted)
        for other in case.since("RETURN"):
            if other is not first and other.name in ("DECLARE", "PROPOSE"):
                names = whole_name(other.data["given_names"], other.data["family_name"], country)
                at = asking.profile.day(other.at).isoformat()
                yield FactLine("child.other_names_sent", "declaration", names, source="parent", valid_from=at)

    async def _residence(self, person: str, asking: Asking) -> Mapping[str, Any] | None:
        answer = await asking.get(
            RESIDENCE, f"/persons/{bare(person)}/residence", basis=self._grounds.residence
        )
        return answer.json if answer is not None else None

    async def _home_line(self, person: str, of: str, concept: str, asking: Asking) -> FactLine:
        lives = await self._residence(person, asking)
        if lives is None:
            reason = "register_down" if asking.failed(RESIDENCE) else "not_held"
            return FactLine(concept, of, None, reason, register=RESIDENCE)
        if lives.get("text") is None:
            reason = "sealed" if lives["level"] == "sealed" else "not_held"
            return FactLine(concept, of, None, reason, register=RESIDENCE)
        return FactLine(
            concept,
            of,
            lives["text"],
            register=RESIDENCE,
            source=lives.get("source"),
            valid_from=lives.get("valid_from"),
            known_from=lives.get("known_from"),
            basis=lives.get("basis"),
            ref=lives.get("fact"),
        )


def _division(lives: Home) -> str | None:
    """Where a home is, as practices and their lists are; None: nobody may know, or nobody does."""
    if lives is None or lives.get("level") not in ("dwelling", "commune"):
        return None
    units = lives.get("now") or [lives["division"]]
    return str(units[0]["code"])


def _register_key(holder: str) -> str:
    return f"register.{holder if holder in REGISTERS else 'other'}"


def _role_of(case: Case, code: str) -> str:
    said = recorded(case)
    return "mother" if said is not None and bare(said.mother or "") == bare(code) else "father"


def _checks(case: Case, profile: Profile) -> Iterator[FactLine]:
    """Green is True. The newest examination, or the register's own no; what has no check of its own is named by its code."""
    seen = [taken for taken in (case.last("EXAMINE"), case.last("HALT")) if taken is not None]
    if not seen:
        yield FactLine("check.examined", "checks", None, "not_held", register=POPULATION)
        return
    newest = max(seen, key=lambda taken: taken.seq)
    found, at = list(newest.data["defects"]), profile.day(newest.at).isoformat()
    for code, concept in CHECKS.items():
        yield FactLine(concept, "checks", code not in found, valid_from=at)
    for code in found:
        if code not in CHECKS:
            yield FactLine("check.other", "checks", code, valid_from=at)


def _paternity(case: Case) -> Iterator[FactLine]:
    said = recorded(case)
    state = case.given("PATERNITY").get("status") or (said.paternity if said is not None else None)
    yield FactLine("child.identity_code", "paternity", bare(child_of(case)), register=POPULATION)
    yield FactLine("child.paternity", "paternity", state, None if state else "not_held", register=POPULATION)


def _place(case: Case) -> Iterator[FactLine]:
    """What is offered, as the municipality said it last."""
    queued = case.last("QUEUE")
    if queued is None:
        return
    yield FactLine(
        "child.kindergarten_queue",
        "place",
        queued.data.get("kindergarten"),
        register=EDUCATION,
        valid_from=queued.data.get("wanted_from"),
    )


def _whose(case: Case, item: Mapping[str, Any], actor: Actor, say: Speaker) -> str:
    """`to you`, `to the father`."""
    is_own = item["person"] == bare(actor.acting_for)
    return say(f"offer.to_{'you' if is_own else _role_of(case, item['person'])}")


def _offer_lines(
    case: Case,
    offer: Mapping[str, Any] | None,
    actor: Actor,
    asking: Asking,
    say: Speaker,
    language: str,
) -> Iterator[FactLine]:
    """Every amount once, with its ground, and whose it is where it differs; an unknown one names what is missing and who holds it."""
    if offer is None:
        reason = "register_down" if asking.failed(SOCIAL) else "not_held"
        yield FactLine("child.benefit_offer", "offer", None, reason, register=SOCIAL)
        return
    items: dict[tuple[str, str | None], Mapping[str, Any]] = {}
    for item in (item for choice in offer["choices"] for item in choice["items"]):
        items.setdefault((item["benefit"], item["amount"]), item)
    amounts = Counter(benefit for benefit, _amount in items)
    for (benefit, amount), item in items.items():
        label = say(f"concept.benefit.{benefit}")
        unknown = item.get("unknown")
        yield FactLine(
            f"benefit.{benefit}",
            "offer",
            None if amount is None else format_money(amount, item["currency"], language),
            "not_held" if unknown else None,
            register=say(_register_key(unknown["holder"])) if unknown else SOCIAL,
            source=_role_of(case, item["person"]),
            basis=item["basis"],
            label=label if amounts[benefit] == 1 else f"{label}, {_whose(case, item, actor, say)}",
        )
