"""The country's closed lists of legal grounds: what each register accepts, from its services, its profile and its description.

A register that holds a service's evidence accepts the ground on which the service may fetch it; every register those on which
officials see to matters and people see their own data, and the law by which those registers ask it that have a right to. Auditors look on
their own ground, at what is theirs to look at. Everything else is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sild.cases import Packs
from sild.nation.countries import CountryDescription
from sild.registries import asking_grounds

__all__ = ["accepted_grounds"]

SUPERVISION = ("supervise*", "*Finding*", "*Release*", "*Sample*")
"""Operations of auditors."""


def accepted_grounds(
    about: CountryDescription, packs: Packs, register: str, askers: Iterable[str]
) -> Mapping[str, list[str]]:
    """By operation, as `sild.registries.Grounds` wants it. askers: systems with a right to ask the register."""
    profile = packs.profile
    evidence = {
        one.ground
        for service in packs.services.values()
        for one in service.evidence
        if one.held_by == register and one.ground is not None
    }
    laws = {law for asker in askers for law in asking_grounds(asker)}
    archives = {kept.basis for kept in profile.kept.values()} if register == "archive" else set()
    boards = {about.boards} if register == "business" else set()
    laws |= {law for name, law in profile.grounds.items() if name != "telling"}  # by which nobody asks
    inquiries = {about.inquiries} if register == "population" and about.inquiries else set()
    everywhere = {about.own_data, about.representation}
    example = {"getPerson": [about.example.legal_basis]} if register == "population" else {}
    return {
        **example,
        "*": sorted(evidence | laws | archives | boards | inquiries | everywhere),
        **{operation: [about.oversight.basis] for operation in SUPERVISION},
    }
