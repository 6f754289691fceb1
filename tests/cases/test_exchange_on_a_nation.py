"""The exchange port on real security servers: headers, problems, refusals, evidence of both sides."""

from __future__ import annotations

import pytest

from sild.adapter import AsyncXRoadClient, ClientId
from sild.cases import XRoadExchange
from sild.errors import CallerError, Unavailable

POPULATION = "GOV/70000002/population/persons"


async def ask(nation, path, *, basis="RRS § 5", service=POPULATION, message_id):
    async with AsyncXRoadClient(nation.client_url, ClientId.decode(nation.client)) as client:
        return await XRoadExchange(client).call(
            service, "GET", path, case="case-17", basis=basis, acting="EE38001085718", message_id=message_id
        )


def test_a_register_answers_over_the_exchange(nation):
    person = nation.people[0]["code"]
    answer = nation.run(ask(nation, f"/persons/{person}", message_id="SILD-cases-1"))
    assert answer.status == 200 and answer.json["code"] == person and answer.message_id == "SILD-cases-1"


def test_a_problem_keeps_its_code(nation):
    with pytest.raises(CallerError) as unknown:
        nation.run(ask(nation, "/persons/38001010001", message_id="SILD-cases-2"))
    assert unknown.value.detail["status"] in (400, 404) and unknown.value.code != "http_error"
    with pytest.raises(CallerError) as groundless:
        nation.run(ask(nation, f"/persons/{nation.people[0]['code']}", basis=None, message_id="SILD-cases-3"))
    assert groundless.value.code == "missing_legal_basis"


def test_a_right_that_is_not_granted_may_be_granted_later(nation):
    with pytest.raises(Unavailable):
        nation.run(ask(nation, "/x", service="GOV/70000002/nothing", message_id="SILD-cases-4"))
