"""A small process for the engine's tests: two owners, an official, one message to a register, a return, a silence."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from sild.cases import OPENED, Effects, Given, Job, NewNotice, Opening, Party, Process, Rule, Waiting
from sild.catalogue import Defect, parse_screen, parse_service

LATER = "permit.later"


class Permit(Process):
    service = "permit"
    opener = "owner"
    events: ClassVar = {"civil.child.recorded": "begin"}
    silenced: ClassVar = {"owner": ("death", "protection_order")}
    rules = (
        Rule(
            "SEND",
            by=("owner",),
            when=(OPENED, "RETURNED"),
            to="SENT",
            screen="permit.form",
            acr="substantial",
        ),
        Rule("COSIGN", by=("owner",), when=("SENT",), once="person"),
        Rule("ACCEPT", by=("official", "supervisor"), when=("SENT",), to="ACCEPTED", decides=True),
        Rule(
            "RETURN",
            by=("official", "supervisor"),
            when=("SENT",),
            to="RETURNED",
            screen="permit.return",
            stops="returned",
            is_return=True,
        ),
        Rule("REGISTER", by=("state",), when=("ACCEPTED",), to="CLOSED", once="case"),
        Rule("SILENCE", by=("state",), to="SILENCED"),
    )
    closed = ("CLOSED",)
    waiting = (
        Waiting("permit.form", "owner", (OPENED, "RETURNED")),
        Waiting("permit.return", "official", ("SENT",)),
    )

    async def opening(self, actor, asking):
        return Opening((Party("owner", "47101010033"),), "permit@0793", {"what": "shed"})

    async def check(self, case, rule, values, actor, asking):
        if rule.name == "SEND" and values["colour"] == "pink":
            return Given(values, (Defect("colour", "not_allowed_here"), Defect("note", "must_explain")))
        return Given(values)

    def after(self, case, taken):
        match taken.name:
            case "SEND":
                notices = tuple(NewNotice(owner, "permit.sent") for owner in case.persons("owner"))
                later = NewNotice(case.persons("owner")[0], LATER, not_before=_in_days(taken.at, 3))
                return Effects(notices=(*notices, later), jobs=(Job("nag", at=_in_days(taken.at, 5)),))
            case "ACCEPT":
                return Effects(jobs=(Job("register"),), cancel_jobs=("nag",))
            case "REGISTER":
                return Effects(notices=(NewNotice(case.persons("owner")[0], "permit.done"),))
        return Effects()

    def jobs(self):
        return {"register": self.register, "nag": self.nag, "begin": self.begin}

    async def register(self, work):
        answer = await work.call(
            "registration", "residence", "POST", "/permits", {"case": work.case.number}, basis="EhS § 42"
        )
        await work.act("registered", "REGISTER", {"permit": answer.json["permit"]})

    async def nag(self, work):
        await work.call("nag", "population", "POST", "/nags", {}, basis="EhS § 1")

    async def begin(self, work):
        event = work.arguments["event"]
        await work.open("open", "permit", Opening((Party("owner", event["subject"]),), "permit@0793"))


def _in_days(at, days):
    return at + timedelta(days=days)


def text(words):
    return {"et": words, "vi": words, "en": words}


SERVICE = parse_service(
    {
        "id": "permit",
        "version": 1,
        "title": text("Permit"),
        "description": text("A permit"),
        "owner": "GOV/70000006",
        "authority": "residence",
        "countries": ["EE"],
        "legal_resources": [{"uri": "x", "title": "EhS"}],
        "evidence": [
            {
                "id": "permit.names",
                "concept": "person.given_names",
                "held_by": "population",
                "ground": "EhS § 2",
                "title": text("Names"),
            }
        ],
        "outputs": [{"id": "permit.out", "title": text("Permit")}],
        "channels": [
            {"id": "permit.portal", "kind": "portal"},
            {"id": "permit.assisted", "kind": "assisted"},
        ],
        "clocks": [
            {
                "id": "permit.clock",
                "deadline": "move.register",
                "begins": "SEND",
                "ends": "REGISTER",
                "title": text("Permit"),
            }
        ],
        "screens": ["permit.form", "permit.return"],
    }
)
CONCEPTS = frozenset({"shed.colour", "shed.drawing", "shed.note", "case.defects"})
FORM = parse_screen(
    {
        "id": "permit.form",
        "version": 1,
        "role": "owner",
        "title": text("Form"),
        "components": [
            {"kind": "facts", "of": "owner", "concepts": ["person.given_names"]},
            {"kind": "text", "name": "colour", "concept": "shed.colour", "label": text("Colour")},
            {"kind": "text", "name": "note", "concept": "shed.note", "label": text("Note")},
            {
                "kind": "file",
                "name": "drawing",
                "concept": "shed.drawing",
                "label": text("Drawing"),
                "required": False,
            },
        ],
        "actions": [{"name": "SEND", "label": text("Send")}],
    }
)
RETURN = parse_screen(
    {
        "id": "permit.return",
        "version": 1,
        "role": "official",
        "title": text("Return"),
        "components": [
            {
                "kind": "choices",
                "name": "defects",
                "concept": "case.defects",
                "label": text("Defects"),
                "options": [{"value": value, "label": text(value)} for value in ("size", "colour", "place")],
            }
        ],
        "actions": [{"name": "RETURN", "label": text("Return")}],
    }
)
