"""What a case of moving home shows and lets choose from, asked of the registers while a person waits.

An owner is shown the names of those who move, and of the place their own dwelling; nothing else. After a protection order nobody but
the movers and the office is shown an address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from babel import Locale

from sild.cases.actor import Actor
from sild.cases.birth_facts import POPULATION, RESIDENCE, bare, known
from sild.cases.case import Case
from sild.cases.move_answers import leases_of, places_of
from sild.cases.move_facts import (
    DESK,
    Grounds,
    answers_of,
    asked,
    denied,
    duty_of,
    found,
    is_kept_from,
    is_landlord,
    left_out,
    level_of,
    movers_of,
    sent,
    waiting_for,
)
from sild.cases.process import Asking
from sild.cases.views import FactLine, Options
from sild.catalogue import Screen
from sild.i18n import Speaker, Texts, format_day

__all__ = ["MoveScreens"]

CONFIDENTIAL = ("dwelling", "movers", "children", "notice")


class MoveScreens:
    def __init__(self, grounds: Grounds, texts: Texts) -> None:
        self._grounds = grounds
        self._texts = texts

    # --- choices

    async def options(self, case: Case, screen: Screen, actor: Actor, asking: Asking) -> Options:
        """Only of what this screen lets choose from: nothing is asked that nobody is shown."""
        options: dict[str, Sequence[tuple[str, str]]] = {}
        for name in {field.options_from for field in screen.fields()}:
            match name:
                case "countries":
                    options[name] = self._countries(actor, asking.profile.country)
                case "places":
                    options[name] = await places_of(case, asking, self._grounds, self._say(actor))
                case "household":
                    options[name] = await self._household(case, actor, asking)
                case "bases":
                    say = self._say(actor)
                    options[name] = [(one, say(f"option.{one}")) for one in ("owner", "consent", "lease")]
        return options

    def _countries(self, actor: Actor, home: str) -> list[tuple[str, str]]:
        """All of the world but this one, by name."""
        territories = Locale.parse(self._texts.choose([actor.language])).territories
        names = [(code, name) for code, name in territories.items() if len(code) == 2 and code.isalpha()]
        real = [
            (code, name)
            for code, name in names
            if code not in (home, "ZZ", "XA", "XB", "EU", "EZ", "UN", "QO")
        ]
        return sorted(real, key=lambda pair: pair[1])

    async def _household(self, case: Case, actor: Actor, asking: Asking) -> list[tuple[str, str]]:
        """The person first; then who lives with them, by name; then their own children who live elsewhere."""
        me = actor.acting_for
        path = f"/households/{bare(me)}"
        answer = await asking.get(RESIDENCE, path, basis=self._grounds.household)
        people = [me]
        if answer is not None:
            people += [known(one["code"], asking.profile.country) for one in answer.json["members"]]
        names = {code: await self._name(code, asking) for code in dict.fromkeys(people)}
        children = await asking.get(
            POPULATION, f"/persons/{bare(me)}/children", basis=self._grounds.relations
        )
        for child in children.json["items"] if children is not None else ():
            if (
                child["custody"]
                and child["status"] != "DEAD"
                and _is_young(child["born"], asking.profile.day(asking.now))
            ):
                code = known(child["code"], asking.profile.country)
                names.setdefault(code, child["full_name"] or self._say(actor)("option.unnamed_child"))
        say = self._say(actor)
        return [(code, say("option.me", name=name) if code == me else name) for code, name in names.items()]

    async def _name(self, person: str, asking: Asking) -> str:
        """Their name; what is not known is the code."""
        answer = await asking.get(POPULATION, f"/persons/{bare(person)}", basis=self._grounds.relations)
        return str(answer.json["full_name"] or person) if answer is not None else person

    def _say(self, actor: Actor) -> Speaker:
        """Of the service's own texts."""
        say = self._texts.speaker(self._texts.choose([actor.language]))
        return lambda key, **values: say(f"move.{key}", **values)

    def suggested(self, case: Case, screen: Screen) -> Mapping[str, Sequence[str]]:
        """What was sent before stands there again; at first, everything that can be known."""
        if screen.id == "move.place":
            return {name: [str(value)] for name, value in found(case).items() if value}
        now = sent(case)
        if screen.id != "move.notice":
            return {}
        if now is None:
            return {"people": list(case.persons("resident"))}
        values = {
            "people": list(now.people),
            "place": [f"{now.place.kind}:{now.place.id}"],
            "valid_from": [now.valid_from.isoformat()],
            "basis": [now.basis] if now.basis else [],
            "document": [now.document] if now.document else [],
            "lease": [now.lease["id"]] if now.lease else [],
        }
        return {name: given for name, given in values.items() if given}

    # --- facts

    async def facts(self, case: Case, of: str, actor: Actor, asking: Asking) -> Sequence[FactLine] | None:
        parties = (*case.persons("resident"), *_asked_now(case))
        is_party = actor.acting_for in parties or is_landlord(case, actor.acting_for)
        if of in CONFIDENTIAL and not actor.is_staff and not is_party:
            return []  # an earlier notice asked them, about another dwelling
        match of:
            case "me":
                return [await self._home_line(actor.acting_for, asking)]
            case "leases":
                return await self._leases(actor, asking)
            case "search":
                return list(self._search(case, actor, asking))
            case "notice":
                return list(self._notice(case, actor, asking))
            case "movers":
                return await self._movers(case, asking)
            case "dwelling":
                return list(self._dwelling(case, actor))
            case "checks":
                return list(_checks(case))
            case "answers":
                return list(_answers(case))
            case "children":
                return await self._children(case, asking)
            case "missing":
                return list(self._missing(case, actor))
            case "returned":
                return list(self._returned(case, actor))
        return None

    async def _home_line(self, person: str, asking: Asking) -> FactLine:
        path = f"/persons/{bare(person)}/residence"
        answer = await asking.get(RESIDENCE, path, basis=self._grounds.household)
        if answer is None or answer.json.get("text") is None:
            reason = "register_down" if asking.failed(RESIDENCE) else "not_held"
            return FactLine("person.residence", "me", None, reason, register=RESIDENCE)
        home = answer.json
        said = {name: home.get(name) for name in ("source", "valid_from", "known_from", "basis")}
        return FactLine(
            "person.residence", "me", home["text"], register=RESIDENCE, ref=home.get("fact"), **said
        )

    async def _leases(self, actor: Actor, asking: Asking) -> list[FactLine]:
        """Of which nothing is to be uploaded."""
        say, lines = self._say(actor), []
        for lease in await leases_of(actor.acting_for, asking, self._grounds):
            value = say("option.registered_lease", text=lease["text"], number=lease["number"])
            lines.append(
                FactLine(
                    "move.registered_lease",
                    "leases",
                    value,
                    register=RESIDENCE,
                    source=lease.get("source"),
                    valid_from=lease.get("valid_from"),
                    basis=lease.get("basis"),
                    ref=lease["fact"],
                )
            )
        return lines

    def _search(self, case: Case, actor: Actor, asking: Asking) -> Iterator[FactLine]:
        """What was searched for, and the duty that the law lays on who moves so."""
        looked = found(case)
        say = self._say(actor)
        if looked.get("words"):
            yield FactLine("move.searched", "search", looked["words"])
        if looked.get("country"):
            locale = Locale.parse(self._texts.choose([actor.language]))
            name = locale.territories.get(looked["country"], looked["country"])
            yield FactLine("move.searched", "search", name)
        name = duty_of(asking.profile, "abroad" if looked.get("where") == "abroad" else "here")
        duty = asking.profile.deadlines[name]
        value = say(f"duty.{duty.unit}", count=duty.value)
        yield FactLine("move.duty", "search", value, basis=duty.basis)

    def _notice(self, case: Case, actor: Actor, asking: Asking) -> Iterator[FactLine]:
        """What was sent: where, from when, on what; the day it was sent, and until when it was due."""
        now = sent(case)
        if now is None:
            return
        kept = is_kept_from(case, actor.acting_for) and not actor.is_staff
        text = None if kept else now.place.text
        yield FactLine("move.place", "notice", text, "sealed" if kept else None)
        language = self._texts.choose([actor.language])
        yield FactLine("move.valid_from", "notice", format_day(now.valid_from, language))
        yield FactLine("move.sent_on", "notice", format_day(now.sent_on, language))
        yield FactLine("move.duty_until", "notice", format_day(now.duty_until, language))
        if now.basis is not None:
            yield FactLine("move.basis", "notice", self._say(actor)(f"option.{now.basis}"))
        if now.document is not None:
            yield FactLine("move.lease", "notice", now.document, source="resident")
        if now.lease is not None and (actor.is_staff or actor.acting_for == now.resident):
            name, file_id = now.lease["name"], now.lease["id"]
            yield FactLine("move.lease_file", "notice", name, source="resident", file=file_id)
        if actor.is_staff:
            for said in denied(case):
                yield FactLine(
                    "move.lease_denied",
                    "notice",
                    self._say(actor)("option.lease_denied"),
                    known_from=said.at.isoformat(),
                )
        if now.place.division is not None:
            rule, unit = asking.profile.competent(
                "residence", now.place.division, asking.profile.day(asking.now)
            )
            yield FactLine("move.office", "notice", f"{rule.office[language]}: {unit.name}", basis=rule.basis)

    async def _movers(self, case: Case, asking: Asking) -> list[FactLine]:
        """Names, and no more."""
        now = sent(case)
        if now is None:
            return []
        names = [await self._name(person, asking) for person in now.people]
        return [FactLine("move.mover", "movers", name, register=POPULATION) for name in names]

    async def _children(self, case: Case, asking: Asking) -> list[FactLine]:
        """Those in whose custody the reader has a part are all the case's minors."""
        questions = asked(case)
        names = [await self._name(child, asking) for child in (questions.custodians if questions else ())]
        return [FactLine("move.child", "children", name, register=POPULATION) for name in names]

    def _missing(self, case: Case, actor: Actor) -> Iterator[FactLine]:
        """Registers that do not know somebody, and the case there that puts it right."""
        if case.status != "MISSING":
            return
        say = self._say(actor)
        for one in case.given("MISS")["absent"]:
            yield FactLine(
                "move.missing_in", "missing", say(f"register.{one['register']}"), register=one["register"]
            )

    def _returned(self, case: Case, actor: Actor) -> Iterator[FactLine]:
        """Every defect the office named."""
        said = case.given("RETURN")
        if case.status != "RETURNED" or not said:
            return
        for reason in said["defects"]:
            yield FactLine(
                "move.returned", "returned", self._say(actor)(f"reason.{reason}"), source="official"
            )
        if said["words"]:
            yield FactLine("move.returned_words", "returned", said["words"], source="official")

    def _dwelling(self, case: Case, actor: Actor) -> Iterator[FactLine]:
        """The owner's own."""
        now = sent(case)
        if now is not None:
            language = self._texts.choose([actor.language])
            yield FactLine("move.dwelling", "dwelling", now.place.text, register=RESIDENCE)
            yield FactLine("move.valid_from", "dwelling", format_day(now.valid_from, language))


def _is_young(born: str, today: date) -> bool:
    return today.year - date.fromisoformat(born).year <= 18


def _asked_now(case: Case) -> list[str]:
    """Everybody whom the notice as it stands asks."""
    questions, now = asked(case), sent(case)
    if questions is None or now is None:
        return []
    return [person for _role, person in questions.all(now.resident)]


def _checks(case: Case) -> Iterator[FactLine]:
    """Green is True."""
    questions, now = asked(case), sent(case)
    if questions is None or now is None:
        yield FactLine("check.prepared", "checks", None, "not_held")
        return
    if case.status in (*DESK, "DISPUTED"):
        yield FactLine(
            "check.owner_consents", "checks", level_of(case) != "commune" or now.place.kind != "dwelling"
        )
    yield FactLine("check.custodians_agree", "checks", not left_out(case))
    yield FactLine("check.everybody_answered", "checks", not waiting_for(case))
    yield FactLine(
        "check.no_protection_order", "checks", not questions.is_protected and not case.has("SILENCE")
    )
    yield FactLine("check.sent_in_time", "checks", now.sent_on <= now.duty_until)
    if questions.capacity is not None:
        there = questions.count + len(movers_of(case))
        yield FactLine("check.capacity", "checks", there <= questions.capacity)
    for code in case.given("HALT").get("defects", ()):
        yield FactLine("check.register_said", "checks", code, register=RESIDENCE)


def _answers(case: Case) -> Iterator[FactLine]:
    """How many said what, by role; who has not answered."""
    for name in ("CONSENT", "REFUSE", "JOIN", "DECLINE", "ALLOW", "FORBID"):
        said = [taken for taken in answers_of(case).values() if taken.name == name]
        if said:
            yield FactLine(f"answer.{name.lower()}", "answers", len(said))
    silent = waiting_for(case)
    if silent:
        yield FactLine("answer.silent", "answers", len(silent))
