"""Another office's question to the body that keeps a register: asked once, read and answered at its desk, told to who asked alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sild.registries import ResidenceRegister, residence_app
from support.acting import serving

from ..asking import Asker, refused
from ..conftest import SetClock

PERSON, ASKER, OFFICIAL = "38001085718", "EE36805280109", "EE47001010003"
KEY = "0b1c2d3e-0000-4000-8000-000000000001"
ASKED: dict[str, Any] = {
    "id": KEY, "person": PERSON, "number": "S-2026-000017",
    "office": {"en": "Birth, Tartu", "et": "Sünd, Tartu"}, "question": "Who lives there?", "due": "2026-03-09",
    "disclosed": [{"label": "Address", "value": "Pikk 1"}],
}  # fmt: skip
ANSWER = {"outcome": "answered", "answer": "Nobody does."}


@pytest.fixture
def residence(tmp_path: Path, hand_clock: SetClock, either_url: str | None) -> Iterator[ResidenceRegister]:
    register = ResidenceRegister.open(
        tmp_path, either_url, system="/SILD/GOV/70000006/residence", people=0, clock=hand_clock
    )
    register.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", ["matter.*", "consultation.*"])
    yield register
    register.close()


def told(register: ResidenceRegister, subject: str = PERSON) -> list[tuple[str, dict[str, Any]]]:
    found = [one.event for one in register.kernel.outbox.deliveries_about(subject)]
    return [(one.type, dict(one.data)) for one in found]


def test_a_question_from_its_office_to_the_answer(residence: ResidenceRegister) -> None:
    with serving(residence_app(residence)) as site:
        asker = Asker(site)
        asked = asker.done("/consultations", ASKED, user=ASKER, id="m-ask")
        assert asked == {"id": KEY, "state": "OPEN", "answer": None, "official": None, "answered_at": None}
        assert asker.done("/consultations", ASKED, user=ASKER, id="m-ask") == asked, "the same message"
        assert asker.done("/consultations", ASKED, user=ASKER) == asked, (
            "the same question in another message"
        )
        assert told(residence) == [
            ("matter.opened", {"kind": "consultation", "key": KEY, "persons": [PERSON]})
        ]
        (line,) = asker.value("/matters", user=OFFICIAL)["items"]
        assert line["id"] == f"consultation/{KEY}" and "Pikk" not in str(line)
        matter = asker.value(f"/matters/consultation/{KEY}", user=OFFICIAL)
        facts = [(one["name"], one["about"], one["value"]) for one in matter["facts"]]
        assert ("asked_by", "et", "Sünd, Tartu") in facts and ("question", "", "Who lives there?") in facts
        assert ("disclosed", "Address", "Pikk 1") in facts
        assert (matter["due"], matter["persons"], matter["state"]) == ("2026-03-09", [PERSON], "waiting")
        path = f"/consultations/{KEY}/answer"
        refused(asker.post(path, ANSWER, user=ASKER), 403, "officials_only")
        refused(asker.post(path, ANSWER, user=f"EE{PERSON}"), 403, "officials_only")
        refused(asker.post(path, ANSWER, user=OFFICIAL, login=None), 403, "acting_not_proven")
        ended = asker.done(path, ANSWER, 200, user=OFFICIAL, id="m-answer")
        assert (ended["state"], ended["answer"], ended["official"]) == (
            "ANSWERED",
            "Nobody does.",
            OFFICIAL[2:],
        )
        assert asker.done(path, ANSWER, 200, user=OFFICIAL, id="m-answer") == ended
        refused(asker.post(path, ANSWER, user=OFFICIAL), 409, "consultation_is_closed")
        assert [kind for kind, _ in told(residence)[1:]] == ["matter.settled", "consultation.answered"]
        assert told(residence)[-1][1] == {"consultation": KEY, "case": "case-7"}, "and none of what was said"
        assert asker.value(f"/consultations/{KEY}", user="automatic") == ended
        foreign = {"X_Road_Client": "SILD/GOV/70000004/social"}
        refused(asker.get(f"/consultations/{KEY}", user="automatic", **foreign), 404, "unknown_consultation")
        assert asker.value(f"/matters/consultation/{KEY}", user=OFFICIAL)["state"] == "ended"
        uses = asker.value(f"/findUsage?userCode={PERSON}")["usages"]
        assert {use["action"] for use in uses} >= {
            "Another office asked a question about a person", "An official answered another office's question",
        }  # fmt: skip


def test_what_cannot_be_asked_and_what_is_taken_back(residence: ResidenceRegister) -> None:
    with serving(residence_app(residence)) as site:
        asker = Asker(site)
        refused(asker.post("/consultations", ASKED, user=f"EE{PERSON}"), 403, "officials_only")
        refused(asker.post("/consultations", ASKED, user=ASKER, login=None), 403, "acting_not_proven")
        for wrong in ({"question": ""}, {"id": "x"}, {"due": "soon"}, {"person": "1" * 30}):
            assert asker.post("/consultations", {**ASKED, **wrong}, user=ASKER).status == 400
        asker.done("/consultations", {**ASKED, "person": None}, user=ASKER)
        back = f"/consultations/{KEY}/withdrawal"
        foreign = {"X_Road_Client": "SILD/GOV/70000004/social"}
        refused(asker.post(back, {}, user=ASKER, **foreign), 404, "unknown_consultation")
        assert asker.done(back, {}, 200, user=ASKER)["state"] == "WITHDRAWN"
        refused(asker.post(back, {}, user=ASKER), 409, "consultation_is_closed")
        refused(
            asker.post(f"/consultations/{KEY}/answer", ANSWER, user=OFFICIAL), 409, "consultation_is_closed"
        )
        assert asker.value("/matters", user=OFFICIAL)["items"] == []
        refused(
            asker.get("/consultations/0b1c2d3e-0000-4000-8000-000000000002", user=ASKER),
            404,
            "unknown_consultation",
        )
        kinds = [kind for kind, _ in told(residence, f"consultation/{KEY}")]
        assert kinds == ["matter.opened", "matter.settled"]
