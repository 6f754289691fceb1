"""Notices that are none: refused by place, nothing recorded, the register goes on."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sild.errors import CallerError
from sild.registries import PopulationRegister, population_app
from sild.registries.population.birth_notice import parse_birth_notice, read_notice
from sild.registries.population.fhir_notice import MAX_NOTICE_BYTES
from support.acting import serving
from support.notices import signed_bundle

from ..asking import Asker, defects, refused
from ..conftest import NOW
from ..families import couple
from ..notices import bundle, notify, related


@pytest.fixture
def asker(register: PopulationRegister) -> Iterator[Asker]:
    with serving(population_app(register)) as site:
        yield Asker(site)


MOTHER = couple()[0].code


def changed(*path: Any, to: Any) -> dict[str, Any]:
    notice = copy.deepcopy(bundle(MOTHER))
    place: Any = notice
    for step in path[:-1]:
        place = place[step]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return notice


def unsigned(content: object) -> object:
    """What is no notice is refused before its signature is looked at."""
    return json.dumps(content).encode() if isinstance(content, dict) else content


HOSTILE: list[object] = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"[" * 20_000,
    b'{"a":' * 5_000,
    b"\xff\xfe",
    b'{"resourceType":"Bundle","resourceType":"Bundle"}',
    b"9" * 10_000,
    changed("resourceType", to="Patient"),
    changed("type", to="transaction"),
    changed("identifier", to=None),
    changed("timestamp", to="2026-03-01"),
    changed("timestamp", to="yesterday"),
    changed("entry", to=[]),
    changed("entry", 0, "resource", "birthDate", to="2026-02-30"),
    changed("entry", 0, "resource", "birthDate", to="2026"),
    changed("entry", 0, "resource", "gender", to="other"),
    changed("entry", 0, "resource", "multipleBirthInteger", to="2"),
    changed("entry", 0, "resource", "multipleBirthInteger", to=10**30),
    changed("entry", 0, "resource", "multipleBirthBoolean", to=True),
    changed("entry", 0, "resource", "deceasedBoolean", to="true"),
    changed("entry", 0, "resource", "note", to="<script>alert(1)</script>"),
    changed("entry", 0, "resource", "resourceType", to="Observation"),
    changed("entry", 0, "fullUrl", to="urn:uuid:MTH"),
    changed("entry", 1, "resource", "patient", "reference", to="urn:uuid:another"),
    changed("entry", 1, "resource", "identifier", 0, "value", to="49002010966x"),
    changed("entry", 1, "resource", "identifier", 0, "value", to="38001085718"),
    changed("entry", 1, "resource", "identifier", 0, "system", to="urn:sild:sid:VN:ni"),
    changed("entry", 1, "resource", "relationship", 0, "coding", 0, "code", to="FTH"),
    changed("entry", 1, "resource", "relationship", to=[]),
    changed("entry", 2, "resource", "subject", "reference", to="urn:uuid:another"),
    changed("entry", 2, "resource", "status", to="entered-in-error"),
    changed("entry", 2, "resource", "serviceProvider", "display", to="a\u0000b"),
    changed("entry", 2, "resource", "serviceProvider", "display", to="x" * 10_000),
    changed("entry", 2, to={"fullUrl": "urn:uuid:2", "resource": related("MTH", None)}),
    changed(
        "entry",
        0,
        "resource",
        "_birthDate",
        to={
            "extension": [
                {
                    "url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime",
                    "valueDateTime": "2026-02-01T08:00:00+02:00",
                }
            ]
        },
    ),
]


def test_what_is_no_notice_is_refused_and_nothing_is_recorded(
    asker: Asker, register: PopulationRegister
) -> None:
    people, codes = register.count(), []
    for content in HOSTILE:
        answer = notify(asker, unsigned(content))
        problem = json.loads(answer.body)
        codes.append((answer.status, problem["type"].rpartition(":")[2]))
        assert "<script" not in json.dumps(problem)
        assert MOTHER not in json.dumps(problem)
    assert set(codes) == {(400, "invalid_birth_notice"), (400, "bad_request")}
    assert codes.count((400, "bad_request")) == 1, "half a character, which no text of any path holds"
    assert register.count() == people
    assert asker.value("/health") == {"status": "up"}


def test_a_notice_that_is_too_long(asker: Asker) -> None:
    refused(notify(asker, b" " * (MAX_NOTICE_BYTES + 1)), 400, "invalid_birth_notice")
    padded = json.dumps(signed_bundle(bundle(MOTHER), at=NOW)).encode().ljust(MAX_NOTICE_BYTES)
    assert notify(asker, padded).status == 201


def test_another_kind_of_content(asker: Asker) -> None:
    headers = {name.replace("_", "-"): value for name, value in asker.headers().items()}
    body = json.dumps(bundle(MOTHER)).encode()
    for kind in ("application/xml", "text/plain", ""):
        answer = asker.site.request(
            "POST", "/birth-notices", body=body, headers={**headers, "Content-Type": kind}
        )
        refused(answer, 400, "invalid_birth_notice")


def test_all_that_is_wrong_is_named_at_once(asker: Asker) -> None:
    notice = changed("entry", 0, "resource", "gender", to="x")
    notice["entry"][2]["resource"]["status"] = "x"
    del notice["timestamp"]
    problem = refused(notify(asker, unsigned(notice)), 400, "invalid_birth_notice")
    assert len(problem["errors"]) == 3
    notice = changed("entry", 1, "resource", "patient", "reference", to="urn:uuid:x")
    notice["entry"][2]["resource"]["subject"]["reference"] = "urn:uuid:y"
    problem = refused(notify(asker, unsigned(notice)), 400, "invalid_birth_notice")
    assert sorted(defects(problem)) == ["another_patient", "another_subject"]


def test_what_is_read_is_written_and_read_the_same() -> None:
    notice = parse_birth_notice(json.dumps(bundle(MOTHER, couple()[1].code, order=2)).encode()).notice
    assert read_notice(json.loads(json.dumps(notice.to_json()))) == notice


WORDS = st.sampled_from(
    ["Bundle", "Patient", "MTH", "entry", "identifier", "urn:uuid:child", "2026-03-01", MOTHER]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
PATHS = [
    (),
    ("identifier",),
    ("entry",),
    ("entry", 0),
    ("entry", 0, "resource"),
    ("entry", 0, "resource", "birthDate"),
    ("entry", 1, "resource"),
    ("entry", 1, "resource", "identifier"),
    ("entry", 1, "resource", "relationship"),
    ("entry", 2, "resource", "period"),
]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PATHS), JSON)
def test_anything_in_any_place_is_a_notice_or_refused(path: tuple[Any, ...], value: object) -> None:
    notice: Any = value if not path else changed(*path, to=value if value is not None else "")
    try:
        parse_birth_notice(json.dumps(notice).encode())
    except CallerError as refusal:
        assert refusal.code == "invalid_birth_notice"


@given(st.integers(0, 2_000), st.binary(max_size=3))
def test_any_cut_or_changed_notice_is_a_notice_or_refused(at: int, by: bytes) -> None:
    content = json.dumps(bundle(MOTHER, number="1")).encode()
    for hostile in (content[:at], content[:at] + by + content[at + len(by) :]):
        try:
            parse_birth_notice(hostile)
        except CallerError as refusal:
            assert refusal.code == "invalid_birth_notice"
