"""The second lock by itself: the names it knows, what it costs, and that it only ever closes."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sild.ai_gateway
from sild.ai_gateway.classes import DATA_CLASSES, RouteTable, strictest
from sild.ai_gateway.identifiers import find_identifiers, unmask
from sild.ai_gateway.names import load_gazetteer
from sild.ai_gateway.second_lock import SecondLock, any_of
from sild.registries import identity_codes
from sild.registries.synthetic import synthetic_people

NAMES = load_gazetteer((Path(sild.ai_gateway.__file__).parent / "names.txt",))
LOCK = SecondLock(NAMES, any_of(["EE-KANAARI-77812"]))
PEOPLE = synthetic_people(600)


def test_everybody_in_the_registers_is_known_by_name() -> None:
    missed = [
        f"{one.given_names} {one.family_name}"
        for one in PEOPLE
        if not NAMES.has_a_person(f"Avaldus: {one.given_names} {one.family_name}, eile.")
        and not NAMES.has_a_person(f"Đơn của {one.family_name} {one.given_names}.")
    ]
    assert missed == []


def test_everybodys_code_is_found() -> None:
    missed = [
        one.code for one in PEOPLE if not set(find_identifiers(f"kood {one.code}.")) & {"isikukood", "cccd"}
    ]
    assert missed == [] and identity_codes.parse_identity_code(PEOPLE[0].code)


SEPARATORS = st.sampled_from(["", " ", "-", "\u200b", "\u00a0", ".", "\n"])
DIGITS = st.sampled_from(["0123456789", "０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९"])


@given(
    st.sampled_from([one.code for one in PEOPLE if one.country == "EE"]),
    st.lists(SEPARATORS, min_size=11, max_size=11),
    DIGITS,
)
@settings(max_examples=300)
def test_an_isikukood_however_written(code: str, separators: list[str], digits: str) -> None:
    text = "".join(digits[int(digit)] + between for digit, between in zip(code, separators, strict=True))
    assert "isikukood" in LOCK.hits({"a": f"see {text}"})


@given(st.text(max_size=400))
@settings(max_examples=300)
def test_any_text_is_read(text: str) -> None:
    assert set(LOCK.hits({"a": text, "b": text})) <= {
        "isikukood", "cccd", "mst", "card", "iban", "phone", "e-mail", "long_number", "person_name", "high_entropy", "canary", "too_long",
    }  # fmt: skip
    assert isinstance(unmask(text), str)


@given(st.lists(st.sampled_from(DATA_CLASSES), min_size=1, max_size=4))
def test_more_values_never_open_a_way(classes: list[str]) -> None:
    routes = RouteTable(abstraction=("abroad", "local"))
    together = routes.places(classes)  # type: ignore[arg-type]
    assert together <= routes.places([strictest(classes)])  # type: ignore[type-var,list-item]
    assert all(together <= routes.places([each]) for each in classes)  # type: ignore[list-item]


def test_eight_thousand_characters_are_read_in_some_milliseconds() -> None:
    randomness = random.Random(7)
    words = [
        "seadus",
        "toetus",
        "lapse",
        "hüvitis",
        "vanem",
        "kuu",
        "päev",
        "määr",
        "Luật",
        "trợ",
        "cấp",
        "gia",
        "đình",
        "trẻ",
        "em",
    ]
    text = " ".join(randomness.choice(words) for _ in range(1_600))[:8_000]
    times = []
    for _ in range(5):
        began = time.process_time()
        assert LOCK.hits({"a": text}) == ()
        times.append(time.process_time() - began)
    print(f"{min(times) * 1000:.1f} ms")
    assert min(times) < 0.25


@pytest.mark.parametrize(
    "hostile", ["1 " * 20_000, "1" * 20_000, "EE" * 10_000, "a@" * 10_000, "Tamm " * 4_000, "[" * 20_000]
)
def test_hostile_texts_take_no_longer(hostile: str) -> None:
    began = time.process_time()
    LOCK.hits({"a": hostile})
    assert time.process_time() - began < 3
