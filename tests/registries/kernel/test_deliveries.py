"""A register says which bodies were told of a person's events, and takes cases of people it misses."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from sild.errors import Unavailable
from sild.events import Dispatcher
from sild.registries import ResidenceRegister, residence_app
from sild.registries.identity_codes import estonia
from support.acting import serving

from ..asking import Asker
from ..conftest import SetClock
from ..families import single

SYSTEM = "/SILD/GOV/70000006/residence"
TAX, SCHOOL = "SILD/GOV/70000007/tax", "SILD/GOV/70000005/education"


async def test_who_was_told_and_who_could_not_be(tmp_path: Path, hand_clock: SetClock) -> None:
    register = ResidenceRegister.open(tmp_path, system=SYSTEM, people=400, clock=hand_clock)
    for subscriber in (TAX, SCHOOL):
        register.kernel.outbox.subscribe(subscriber, "events", ["residence.*"])
    with serving(residence_app(register)) as site:
        residence, person = Asker(site), single().code
        day = {"valid_from": "2026-02-25", "sent_on": "2026-03-01"}
        residence.post("/moves", {"people": [person], "to": {"division": "0793"}, **day})
        path = f"/events/{person}/deliveries?type=residence.changed"
        before = residence.value(path)["items"]
        assert {(one["subscriber"], one["state"], one["attempts"]) for one in before} == {
            (TAX, "pending", 0),
            (SCHOOL, "pending", 0),
        }

        async def deliver(subscription, event):
            if subscription.subscriber == TAX:
                raise Unavailable("down", code="network_error")
            return "m-1"

        await Dispatcher(register.kernel.outbox, deliver, clock=hand_clock).dispatch()
        after = {one["subscriber"]: one for one in residence.value(path)["items"]}
        assert after[SCHOOL]["state"] == "delivered"
        assert (after[TAX]["state"], after[TAX]["last_error"]) == ("pending", "network_error")
        assert after[TAX]["next_attempt_at"] > hand_clock().isoformat()[:19]
        assert "valid_from" not in str(after)
        assert residence.value(f"/events/{person}/deliveries?type=other.*")["items"] == []
        assert residence.get(path, Sild_Legal_Basis="").status == 400
    register.close()


def test_who_is_missed_is_a_case(tmp_path: Path, hand_clock: SetClock) -> None:
    register = ResidenceRegister.open(tmp_path, system=SYSTEM, people=400, clock=hand_clock)
    with serving(residence_app(register)) as site:
        residence = Asker(site)
        body = {"person": estonia.make(date(1990, 1, 1), "M", 77), "reason": "moves in"}
        first = residence.post("/unknown-persons", body)
        assert first.status == 201, first.text
        again = residence.post("/unknown-persons", body)  # another message: still one case
        assert again.json()["id"] == first.json()["id"]
        assert (first.json()["fact"], first.json()["state"]) == (0, "OPEN")
        assert [one["id"] for one in residence.value("/disputes")["items"]] == [first.json()["id"]]
        known = residence.post("/unknown-persons", {**body, "person": single().code})
        assert (known.status, known.json()["type"]) == (409, "urn:sild:residence:person_is_known")
        assert residence.post("/unknown-persons", {**body, "person": "1"}).status == 400
        answer = residence.post(
            f"/disputes/{first.json()['id']}/refusal",
            {"reason": "known elsewhere"},
            user="EE36805280109",
        )
        assert answer.json()["state"] == "REFUSED"
    register.close()
