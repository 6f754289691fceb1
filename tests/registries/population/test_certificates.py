"""Birth certificates: who may have one and who may not, what it says, when it no longer holds; each issue is seen in the tracker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sild.documents import BIRTH_KIND, credential_in, shown_claims, verify_presentation
from sild.errors import TrustError
from sild.registries import PopulationRegister, population_app
from sild.registries.synthetic import SyntheticPerson
from support.acting import serving
from support.asgi import Answer

from ...documents.papers import text_of
from ..asking import Asker, refused
from ..conftest import NOW
from ..families import couple, man, single
from ..notices import bundle, died, notify_stillborn, recorded


@pytest.fixture
def here(register: PopulationRegister) -> Iterator[Asker]:
    """Where the kind of database plays no part."""
    with serving(population_app(register)) as site:
        yield Asker(site)


def named(mother: SyntheticPerson) -> dict[str, str]:
    return {"given_names": "Linda", "family_name": mother.family_name}


def who(code: str) -> str:
    return ("EE" if len(code) == 11 else "VN") + code


def born(population: Asker, mother: SyntheticPerson, father: SyntheticPerson | None) -> str:
    """A registered child of theirs."""
    child = recorded(population, bundle(mother.code, father.code if father else None))
    population.done(f"/births/{child}/registration", named(mother))
    return child


def papers(population: Asker, person: str, **said: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = population.value(
        f"/persons/{person}/birth-certificates", **{"user": who(person), **said}
    )["items"]
    return found


def ask(population: Asker, person: str, entry: str, **said: Any) -> Answer:
    return population.get(f"/persons/{person}/birth-certificates/{entry}", **{"user": who(person), **said})


def entry_of(population: Asker, child: str) -> str:
    return str(population.value(f"/births/{child}")["decision"])


def checked(population: Asker, presentation: str) -> Any:
    listed = population.get("/status-list").body.decode()
    issuer = population.value("/issuer")
    return verify_presentation(presentation, issuer, at=NOW, kinds=[BIRTH_KIND], status_list=listed)


def test_both_parents_have_the_same_one(population: Asker) -> None:
    mother, father = couple()
    child = born(population, mother, father)
    (one,) = papers(population, mother.code)
    assert (one["name"], one["relation"]) == (f"Linda {mother.family_name}", "child") and papers(
        population, father.code
    ) == [one]
    first, again = (ask(population, parent.code, one["id"]).json() for parent in (mother, father))
    assert first == again and first["decision"] == entry_of(population, child) == one["id"]
    assert (first["number"], first["place_is_kept"]) == ("SK-2026-000001", False)
    found = checked(population, first["presentation"])
    assert found.status == "valid" and found.claims == {
        "certificate_number": "SK-2026-000001",
        "given_names": "Linda",
        "family_name": mother.family_name,
        "birthdate": "2026-03-01",
        "place_of_birth": "Tartu linn",
        "mother_name": f"{mother.given_names} {mother.family_name}",
        "father_name": f"{father.given_names} {father.family_name}",
        "registered_on": "2026-03-01",
    }
    pdf = population.get(
        f"/persons/{mother.code}/birth-certificates/{one['id']}/pdf?language=en", user=who(mother.code)
    )
    assert pdf.status == 200 and credential_in(pdf.body) == first["presentation"]
    assert b"/Contents <" in pdf.body and child in text_of(pdf.body) and mother.code in text_of(pdf.body)
    uses = population.value(f"/findUsage?userCode={who(child)}")["usages"]
    issued = [one for one in uses if one["action"].startswith("A birth certificate was issued")]
    assert len(issued) == 3 and {one["extension"]["acting"] for one in issued} == {"person"}


def test_by_mandate_and_by_the_childs_guardian(here: Asker) -> None:
    """Who acts for a parent names whose word it is; a guardian has a right of their own, while they are one."""
    mother, other = single(), man()
    child = born(here, mother, None)
    entry = entry_of(here, child)
    by_mandate = {"user": who(other.code), "X_Road_Represented_Party": who(mother.code)}
    assert ask(here, mother.code, entry, **by_mandate).status == 200
    assert ask(here, child, entry, user=who(mother.code), X_Road_Represented_Party=who(child)).status == 200
    with_class = {**by_mandate, "X_Road_Represented_Party": f"PERSON/{who(mother.code)}"}
    assert ask(here, mother.code, entry, **with_class).status == 200
    refused(ask(here, other.code, entry), 404, "no_certificate")
    guardianship = {"ward": child, "guardian": other.code, "kind": "guardian", "valid_from": "2026-03-01"}
    here.done("/guardianships", guardianship)
    assert [one["relation"] for one in papers(here, other.code)] == ["ward"]
    assert ask(here, other.code, entry).status == 200


def test_nobody_else(here: Asker) -> None:
    """A stranger, a machine, an official, a man who was only named, a word that somebody else's header says."""
    mother, claimed = single(), man()
    child = recorded(here, bundle(mother.code, claimed.code))
    here.done(f"/births/{child}/registration", {**named(mother), "without_father": True})
    entry = entry_of(here, child)
    for said in (
        {"user": who(claimed.code)},
        {"user": "automatic"},
        {"user": "EE38001085718"},
        {"user": who(mother.code), "X_Road_Represented_Party": who(claimed.code)},
        {"user": who(mother.code), "X_Road_Represented_Party": "LT" + mother.code},
    ):
        for path in ("", f"/{entry}", f"/{entry}/pdf"):
            answer = here.get(f"/persons/{mother.code}/birth-certificates{path}", **said)
            refused(answer, 403, "not_entitled")
    assert papers(here, claimed.code) == []
    refused(ask(here, claimed.code, entry), 404, "no_certificate")
    uses = here.value(f"/findUsage?userCode={who(mother.code)}")["usages"]
    assert {"not_entitled"} <= {one["extension"]["outcome"] for one in uses}, "an attempt is seen, too"


def test_none_before_registration_and_none_of_a_stillborn_child(here: Asker) -> None:
    mother, father = couple()
    child = recorded(here, bundle(mother.code, father.code))
    assert papers(here, mother.code) == []
    assert notify_stillborn(here, mother.code, child).status == 201
    assert papers(here, mother.code) == []


@pytest.mark.parametrize(("country", "can_be_had"), [("EE", True), ("VN", False)])
def test_after_a_death_as_the_law_of_the_country_says(here: Asker, country: Any, can_be_had: bool) -> None:
    mother, father = couple(country)
    child = born(here, mother, father)
    died(here, child, "2026-03-01")
    assert bool(papers(here, mother.code)) is can_be_had


def test_a_protection_order_keeps_the_place(here: Asker) -> None:
    """From whom it is against: by themselves, acting for the child, or for a guardian. The mother has hers whole."""
    mother, father = couple()
    child = born(here, mother, father)
    entry = entry_of(here, child)
    order = {"protected": mother.code, "against": father.code, "valid_from": "2026-03-01", "order": "2-26-1"}
    here.done("/protection-orders", order)
    for person, said in (
        (father.code, {}),
        (child, {"user": who(father.code), "X_Road_Represented_Party": who(child)}),
    ):
        kept = ask(here, person, entry, **said).json()
        assert kept["place_is_kept"] and "place_of_birth" not in checked(here, kept["presentation"]).claims
        path = f"/persons/{person}/birth-certificates/{entry}/pdf?language=en"
        pdf = here.get(path, **{"user": who(father.code), **said}).body
        assert "Not given: protection order" in text_of(pdf) and "Tartu" not in text_of(pdf)
        assert "place_of_birth" not in shown_claims(credential_in(pdf))
    whole = ask(here, mother.code, entry).json()
    assert not whole["place_is_kept"] and "place_of_birth" in checked(here, whole["presentation"]).claims


def test_a_correction_takes_the_old_one_away(population: Asker) -> None:
    """Of the child's name or a parent's: the next one has another number; a change that is no correction leaves it."""
    mother, father = couple()
    child = born(population, mother, father)
    entry = entry_of(population, child)
    old = ask(population, mother.code, entry).json()
    for person, value in ((child, "Liina"), (mother.code, "Mai")):
        facts = population.value(f"/persons/{person}/facts")["items"]
        number = next(one["fact"] for one in facts if one["concept"] == "person.given_names")
        population.done(f"/facts/{number}/correction", {"value": value, "reason": "misspelt"})
        assert checked(population, old["presentation"]).status == "revoked"
        new = ask(population, father.code, entry).json()
        assert new["number"] > old["number"] and checked(population, new["presentation"]).status == "valid"
        old = new
    assert checked(population, old["presentation"]).claims["mother_name"].startswith("Mai ")


def test_a_forged_certificate_fails(here: Asker) -> None:
    mother, father = couple()
    child = born(here, mother, father)
    shown = ask(here, mother.code, entry_of(here, child)).json()["presentation"]
    token, *rest = shown.split("~")
    with pytest.raises(TrustError):
        checked(here, "~".join((token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"), *rest)))
    issuer = {**here.value("/issuer"), "issuer": "https://elsewhere.example"}
    with pytest.raises(TrustError, match="another issuer"):
        verify_presentation(shown, issuer, at=NOW, kinds=[BIRTH_KIND])
    with pytest.raises(TrustError, match="expired"):
        verify_presentation(
            shown, here.value("/issuer"), at=datetime(2037, 1, 1, tzinfo=UTC), kinds=[BIRTH_KIND]
        )
