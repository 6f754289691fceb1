"""Whatever comes as a package or a situation: it is read, or refused with a code; nothing else escapes."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sild.errors import CallerError
from sild.rules import evaluate, outputs_of_choices, parse_package
from support.rules import AT, FAMILY, family

OUTPUTS = [("family", "child_allowance", "ETERNITY"), ("mother", "parental_benefit", "ETERNITY")]
PLACES = [
    ("persons",),
    ("families",),
    ("persons", "mother"),
    ("persons", "mother", "income"),
    ("persons", "mother", "income", "2024-06"),
    ("persons", "child", "born", "ETERNITY"),
    ("families", "family"),
    ("families", "family", "child"),
    ("families", "family", "father"),
    ("families", "family", "older_siblings", "ETERNITY"),
]
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.just("mother"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(path=st.sampled_from(sorted(FAMILY.files)), cut=st.integers(0, 4000), put=st.binary(max_size=4))
@settings(max_examples=150, deadline=None)
def test_a_damaged_package(path: str, cut: int, put: bytes) -> None:
    files = dict(FAMILY.files)
    files[path] = files[path][:cut] + put + files[path][cut + len(put) * 2 :]

    try:
        package = parse_package(files)
    except CallerError as refused:
        assert refused.code == "invalid_package"
    else:
        assert (package.sha256 == FAMILY.sha256) == (files == dict(FAMILY.files))


@given(place=st.sampled_from(PLACES), value=json_values)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_damaged_situation(place: tuple[str, ...], value: object) -> None:
    situation: dict[str, Any] = copy.deepcopy(family())
    inner = situation
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value

    for ask in (
        lambda: evaluate(FAMILY, situation, OUTPUTS, at=AT),
        lambda: outputs_of_choices(FAMILY, situation),
    ):
        try:
            ask()
        except CallerError as refused:
            assert refused.code in ("invalid_situation", "invalid_outputs")
