"""The packs' services as RDF fit CPSV-AP's shapes; what lacks a mandatory thing does not."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyshacl import validate
from rdflib import DCTERMS, OWL, RDF, Graph, URIRef

import sild
from sild.catalogue import PublicService, parse_profile, parse_service
from sild.catalogue.cpsv import CPSV, CV, services_graph
from sild.errors import CallerError

ROOT = Path(sild.__file__).parent
PACKS = sorted((ROOT / "packs").glob("*/*.yaml"))
BASE = "https://catalogue.example/"


def content(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


def services() -> list[PublicService]:
    return [parse_service(content(path)) for path in PACKS]


def graph(country: str = "ee") -> Graph:
    profile = parse_profile(content(ROOT / "profiles" / f"{country}.yaml"))
    return services_graph(services(), profile, BASE)


def fits(found: Graph) -> tuple[bool, str]:
    shapes = Graph().parse(ROOT / "catalogue" / "cpsv_ap.ttl")
    conforms, _, text = validate(found, shacl_graph=shapes)
    return conforms, text


@pytest.mark.parametrize("country", ["ee", "vn"])
def test_the_catalogue_fits_the_shapes(country: str) -> None:
    conforms, text = fits(graph(country))
    assert conforms, text


@pytest.mark.parametrize(
    "predicate",
    [
        DCTERMS.identifier,
        DCTERMS.title,
        CV.hasCompetentAuthority,
        CV.hasChannel,
        CPSV.produces,
        DCTERMS.description,
    ],
)
def test_the_shapes_notice_what_is_missing(predicate: URIRef) -> None:
    found = graph()
    found.remove((URIRef(f"{BASE}service/birth"), predicate, None))
    conforms, _ = fits(found)
    assert not conforms


def test_a_record_names_a_service_of_the_graph() -> None:
    """`procedure` of a decision record is the same thing as the service under the catalogue's address."""
    same = {str(urn): str(this) for this, urn in graph().subject_objects(OWL.sameAs)}
    assert same == {f"urn:sild:service:{one.id}": f"{BASE}service/{one.id}" for one in services()}


def test_it_survives_turtle() -> None:
    again = Graph().parse(data=graph().serialize(format="turtle"), format="turtle")
    assert set(again.subjects(RDF.type, CPSV.PublicService)) == {
        URIRef(f"{BASE}service/{service.id}") for service in services()
    }


def test_each_service_has_a_profile_deadline_for_each_clock() -> None:
    for country in ("ee", "vn"):
        profile = parse_profile(content(ROOT / "profiles" / f"{country}.yaml"))
        for service in services():
            assert {clock.deadline for clock in service.clocks} <= profile.deadlines.keys()
            linked = profile.linked.get(service.id)
            assert linked is None or set(linked.clocks) <= {clock.id for clock in service.clocks}
            assert any(rule.matter == service.authority for rule in profile.competence)


def test_a_fetch_needs_a_ground() -> None:
    birth = next(service for service in services() if service.id == "birth")
    assert birth.ground_of("person.residence") == "RRS § 68"
    with pytest.raises(CallerError) as refused:
        birth.ground_of("person.income_tax")
    assert refused.value.code == "no_legal_ground"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("outputs", []),
        ("legal_resources", []),
        ("title", {"et": "Sünd"}),
        ("colour", "red"),
        ("id", "Birth!"),
    ],
)
def test_what_is_no_service(field: str, value: object) -> None:
    changed = deepcopy(content(PACKS[0]))
    changed[field] = value
    with pytest.raises(CallerError) as refused:
        parse_service(changed)
    assert refused.value.code == "invalid_service"
