"""The closed lists of grounds that a country makes from its own data: nobody is shut out who has a right to ask, and nothing is open besides."""

from __future__ import annotations

import pytest

from sild.cases import load_packs
from sild.nation.countries import load_country
from sild.nation.country import COUNTRY, NEEDS, country_plan
from sild.nation.grounds import accepted_grounds
from sild.nation.plan import NationPlan
from sild.registries import Grounds, asking_grounds

VIET_NAM = country_plan(load_country("VN"))
BY_SERVICES = ("portal", "identity", "hospital", "population")
"""Those that ask on a service's ground, the parents' representation, or the profile's law of archives."""
REGISTERS = sorted({asked for _, asked in NEEDS if asked not in ("identity", "portal")})


def lists(plan: NationPlan) -> dict[str, Grounds]:
    packs = load_packs(plan.about.country)
    return {
        kind: Grounds(
            accepted_grounds(plan.about, packs, kind, [asker for asker, asked in NEEDS if asked == kind])
        )
        for kind in REGISTERS
    }


@pytest.mark.parametrize("plan", [COUNTRY, VIET_NAM], ids=["EE", "VN"])
def test_every_service_and_register_may_ask_by_its_law(plan: NationPlan) -> None:
    accepted, packs = lists(plan), load_packs(plan.about.country)
    for service in packs.services.values():
        for one in service.evidence:
            if one.held_by is not None:
                assert one.ground in accepted[one.held_by].of("getFacts"), one.id
    for asker, asked in NEEDS:
        if asker not in BY_SERVICES and asked in accepted:
            law = asking_grounds(asker)
            assert law and law <= set(accepted[asked].of("getPerson")), (
                f"{asker} has no law to ask {asked} by"
            )
    for register in accepted.values():
        assert packs.profile.ground("register_matter") in register.of("getMatter")
        assert plan.about.own_data in register.of("getFacts")


@pytest.mark.parametrize("plan", [COUNTRY, VIET_NAM], ids=["EE", "VN"])
def test_nothing_is_open_besides(plan: NationPlan) -> None:
    accepted = lists(plan)
    audits = plan.about.oversight.basis
    for kind, register in accepted.items():
        assert audits in register.of("superviseDecision") and audits in register.of("keepFinding")
        assert audits not in register.of("getFacts") and audits not in register.of("getDecision"), kind
        assert not {"", "*", "because", "HMS", "RRS"} & set(register.of("getFacts"))
    packs = load_packs(plan.about.country)
    benefits = packs.services["birth"].ground_of("child.benefit_offer")
    assert benefits in accepted["social"].of("getOffers") and benefits not in accepted["archive"].of(
        "getPackage"
    )
