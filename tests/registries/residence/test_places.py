"""Addresses as people type them, divisions and competence of any day. Nobody's data, so no ground is asked for."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from sild.registries import ResidenceRegister
from sild.registries.residence.tables import metadata

from ..asking import Asker, refused
from ..families import couple


def without_person(residence: Asker, path: str) -> Any:
    headers = residence.headers()
    del headers["X_Road_UserId"], headers["Sild_Legal_Basis"]
    answer = residence.site.get(path, **headers)
    assert answer.status == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("country", ["EE", "VN"])
def test_an_address_is_found_by_any_of_its_words(residence: Asker, country: Any) -> None:
    home = couple(country)[0].home
    assert home is not None
    for text in (
        f"{home.street} {home.house} {home.municipality}",
        f"{home.municipality.upper()} {home.house}, {home.street.lower()}",
        f"{home.street[:4]} {home.house} {home.region}".replace("đ", "d").replace("Đ", "D"),
    ):
        found = without_person(residence, f"/addresses?q={quote(text)}&limit=100")
        texts = [item["text"] for item in found["items"]]
        assert any(home.house in text and home.street in text for text in texts), text
    one = found["items"][0]
    address = without_person(residence, f"/addresses/{one['id']}")
    assert len(address["dwellings"]) == one["dwellings"] >= 1
    dwelling = without_person(residence, f"/dwellings/{address['dwellings'][0]['id']}")
    assert dwelling["floor_area"] > 20
    assert ("capacity" in dwelling) == (country == "VN")


def test_accents_do_not_matter_and_numbers_are_whole(residence: Asker) -> None:
    with_accents = without_person(residence, f"/addresses?q={quote('Põhja Pärnu')}&limit=100")
    assert with_accents == without_person(residence, "/addresses?q=pohja%20parnu&limit=100")
    for item in without_person(residence, "/addresses?q=7&limit=100")["items"]:
        assert "7" in (item["house"], *item["house"].split("/"), item["postal_code"])
    for nonsense in ("%25", "_", "%27%3B--", "xyzzy"):
        answer = residence.get(f"/addresses?q={nonsense}")
        assert answer.status == 400 or answer.json()["total"] == 0
    refused(residence.get("/addresses?q=%20"), 400, "too_broad")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/addresses/EE-A9999999", "unknown_address"),
        ("/dwellings/EE-D9999999", "unknown_dwelling"),
        ("/dwellings/EE-D9999999/owners", "unknown_dwelling"),
        ("/divisions/9999", "unknown_division"),
        ("/competence?place=9999", "unknown_division"),
        ("/competence?place=0793&matter=astrology", "nobody_competent"),
        ("/moves/none", "unknown_move"),
        ("/removals/none", "unknown_removal"),
        ("/persons/38001085718/residence", "unknown_person"),
    ],
)
def test_what_there_is_not(residence: Asker, path: str, code: str) -> None:
    refused(residence.get(path), 404, code)


def test_an_old_commune_leads_to_what_it_became(residence: Asker) -> None:
    then = without_person(residence, "/divisions/0831?on=2015-05-05")
    assert [unit["code"] for unit in then["now"]] == ["0831"]
    now = without_person(residence, "/divisions/0831")
    assert (now["name"], [unit["name"] for unit in now["now"]]) == ("Tähtvere vald", ["Tartu linn"])
    split = without_person(residence, "/divisions/00007")["now"]
    assert [unit["name"] for unit in split] == ["Phường Ngọc Hà", "Phường Giảng Võ"]


def test_divisions_by_name(residence: Asker) -> None:
    found = without_person(residence, "/divisions?q=tahtvere&on=2015-05-05")["items"]
    assert [unit["code"] for unit in found] == ["0831"]
    assert without_person(residence, "/divisions?q=tahtvere")["items"] == []
    found = without_person(residence, "/divisions?q=ba%20dinh&country=VN&tier=commune")["items"]
    assert [unit["code"] for unit in found] == ["00004"]


def test_who_decides_depends_on_the_day_not_on_where_it_was_filed(residence: Asker) -> None:
    before = without_person(residence, "/competence?place=00001&matter=health_insurance_card&on=2025-06-30")
    assert (before["unit"]["name"], before["unit"]["tier"]) == ("Quận Ba Đình", "district")
    after = without_person(residence, "/competence?place=00001&matter=health_insurance_card&on=2025-07-01")
    assert (after["unit"]["name"], after["received_within"]["tier"]) == ("Phường Hồng Hà", "province")
    assert without_person(residence, "/competence?place=0831")["unit"]["code"] == "0793"


def test_the_migrations_make_the_schema_the_code_believes_in(homes: ResidenceRegister) -> None:
    ours = set(metadata.tables)
    with homes.kernel.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": "residence_revision",
                "include_name": lambda name, kind, _: kind != "table" or name in ours,
            },
        )
        assert compare_metadata(context, metadata) == []
