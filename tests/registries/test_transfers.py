"""What leaves the country: nothing to another X-Road instance without an assessment on file, by question or by event; the try is recorded."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sild.errors import Unavailable
from sild.events import Event
from sild.registries import PopulationRegister, Transfer, population_app
from support.asgi import Site, serving

PERSON = "49001010005"


@pytest.fixture
def register(tmp_path: Path) -> Any:
    register = PopulationRegister.open(tmp_path, system="/SILD/GOV/70000002/population", people=100)
    yield register
    register.close()


def ask(site: Site, client: str, path: str = "facts") -> tuple[int, str]:
    headers = {
        "X-Road-Client": client,
        "X-Road-Id": "m-1",
        "X-Road-UserId": "EE38001085718",
        "X-Road-Issue": "case-7",
        "Sild-Legal-Basis": "PKTS 22",
    }
    answer = site.request("GET", f"/persons/{PERSON}/{path}", headers=headers)
    problem = answer.json()
    return answer.status, str(problem.get("type", "")).rpartition(":")[2]


REFUSED = (403, "transfer_not_assessed")


def test_nobody_abroad_asks_without_an_assessment(register: PopulationRegister) -> None:
    kernel, today = register.kernel, register.kernel.today
    with serving(population_app(register)) as site:
        assert ask(site, "SILD/GOV/70000001/portal") != REFUSED
        for stranger in ("FI/GOV/1/asker", "SIL/GOV/70000001/portal", "SILDX/GOV/70000001/portal", "sild/GOV/70000001/portal"):  # fmt: skip
            assert ask(site, stranger) == REFUSED, stranger
        kernel.transfers = [Transfer("FI", "GDPR 1(3), within the EEA", today, ("getFacts",))]
        assert ask(site, "FI/GOV/1/asker") != REFUSED
        assert ask(site, "FI/GOV/1/asker", "relations") == REFUSED, "of facts alone"
        assert ask(site, "VN/GOV/1/asker") == REFUSED, "of another country"
        kernel.transfers = [Transfer("FI", "CTIA-2025-3", today - timedelta(days=1), ("*",))]
        assert ask(site, "FI/GOV/1/asker") == REFUSED, "it has ended"
    tried = [one for one in kernel.usage_of(PERSON).entries if one.outcome == "transfer_not_assessed"]
    assert {one.usage.client for one in tried} >= {"FI/GOV/1/asker", "VN/GOV/1/asker"}


def test_who_used_the_data_is_told_to_nobody_abroad_without_one(register: PopulationRegister) -> None:
    """It names bodies, cases and grounds of a person's life; the try stands in the very list."""
    kernel, today = register.kernel, register.kernel.today

    def uses(client: str) -> tuple[int, dict[str, Any]]:
        headers = {"X-Road-Client": client, "X-Road-Id": "m-1", "X-Road-UserId": f"EE{PERSON}"}
        answer = site.request("GET", f"/findUsage?userCode=EE{PERSON}", headers=headers)
        return answer.status, answer.json()

    with serving(population_app(register)) as site:
        ask(site, "SILD/GOV/70000001/portal")
        for stranger in ("FI/GOV/1/asker", "sild/GOV/70000001/portal"):
            status, said = uses(stranger)
            assert (status, said["type"].rpartition(":")[2]) == REFUSED and "usages" not in said
        kernel.transfers = [Transfer("FI", "GDPR 1(3), within the EEA", today, ("getFacts",))]
        assert uses("FI/GOV/1/asker")[0] == 403, "of facts alone"
        kernel.transfers = [Transfer("FI", "GDPR 1(3), within the EEA", today, ("findUsage",))]
        assert uses("FI/GOV/1/asker")[0] == 200
        status, own = uses("SILD/GOV/70000001/portal")
        assert status == 200
    tried = [one for one in own["usages"] if one["action"] == "Who used the data was asked"]
    assert [one["extension"]["outcome"] for one in tried] == ["transfer_not_assessed"] * 3


def test_nobody_abroad_is_told_without_one(register: PopulationRegister) -> None:
    kernel, person = register.kernel, register.some_people(1)[0]["code"]
    event = Event("e-1", kernel.system, "civil.death.registered", person, kernel.now)
    place = Event("e-2", kernel.system, "residence.division.renamed", "0793", kernel.now)
    kernel.telling(place, "FI/GOV/1/asker", "m-0")  # nobody's
    with pytest.raises(Unavailable) as held:
        kernel.telling(event, "FI/GOV/1/asker", "m-1")
    assert held.value.code == "transfer_not_assessed" and kernel.usage_of(person).entries == ()
    kernel.transfers = [Transfer("FI", "CTIA-2026-3", kernel.today, ("tell civil.*",))]
    kernel.telling(event, "FI/GOV/1/asker", "m-1")
    assert [one.operation for one in kernel.usage_of(person).entries] == ["tell civil.death.registered"]
