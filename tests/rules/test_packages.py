"""Packages are data: read whole or refused, addressed by what they say, never changed once they are out."""

from __future__ import annotations

from datetime import date

import pytest

from sild.errors import CallerError
from sild.rules import RulePackage, evaluate, load_package, load_packages, parse_package
from sild.rules.package_tests import failures_of_tests
from support.rules import PACKAGES, PACKS, SMALL, small_package

PUBLISHED = {
    ("ee-birth-registration", "1.0.0"): "59c613d26b80ef32a97ef1655fa2351a8bf41bc4d1a74a08c2972d1c27629906",
    ("vn-birth-registration", "1.0.0"): "7d4b57c9361a52af23098705427b9282a5cfd0d08d6642dae5db9a717d16f331",
    ("ee-kindergarten-queue", "1.0.0"): "93e499b42719d638ac83744269309222a5f3cee767d1cbf01fec2aec6db090b2",
    ("vn-kindergarten-queue", "1.0.0"): "1d2fcc7435752c263d2f366f3082e341a2cf4682e440762b91be98237efdec87",
    ("ee-health-cover", "1.0.0"): "a6227cbedc1e91fdaa5d958566c6024e9d39b20e84dbed24ed65cd1d17d63c4a",
    ("vn-health-insurance", "1.0.0"): "c99654b8f9669774bf56ffafb41b1efb68bd13772d07b9284b857f146d8f17f1",
    ("ee-family-benefits", "1.0.0"): "e43ddca2f8d00a5ed52f1e1212686fdbff5acaa324ea2e5f915f22106e81a530",
    ("ee-family-benefits", "1.1.0"): "4fc7e6e227501129bdb43e2984dc58981d7386862b6ae3c708bd4168d06b7dd6",
    ("vn-birth-benefits", "1.0.0"): "e76c70b8c09f3ebfcd43be28e19249328232fe273021e25790b19b27b26fc1f0",
    ("ee-residence-dispute", "1.0.0"): "1fd9004ded4fc1fa6b8b34ad7015c377e1ab161bc4ffd7aa2a97174fd70c2ba0",
    (
        "ee-residence-registration",
        "1.0.0",
    ): "b380d1593a8034704e5f7f18eb6a00657b079c1a462e4a1976f129de9bc1385a",
    ("ee-residence-removal", "1.0.0"): "dc4c44734436e11958fe150a84f57965ecc6a2d223592139a8f52fe584712ee8",
    ("vn-residence-dispute", "1.0.0"): "98c5bd0cbbe078d1f765643590769329874ab86608f2df4758f59be7f4e1e077",
    (
        "vn-residence-registration",
        "1.0.0",
    ): "5f4c3b1b722edf0e30044a05937f10a67971f0a6150bf4c774ca9362d7646aa3",
    ("vn-residence-removal", "1.0.0"): "0c1c35ae667ada67284aeca16fc0c5ba6a76468542d20fbc8c4fa28bf1f14307",
}
"""By name and version. A package that was published decides cases: it is not changed, a new version gets a directory and a line."""


def test_a_published_package_is_as_it_was_published() -> None:
    assert {(p.name, p.version): p.sha256 for p in load_packages(PACKS).values()} == PUBLISHED


@pytest.mark.parametrize("package", PACKAGES.values(), ids=lambda p: p.name)
def test_the_tests_of_a_package(package: RulePackage) -> None:
    compared, failures = failures_of_tests(
        package, lambda s, outputs, at: evaluate(package, s, outputs, at=at)
    )

    assert failures == []
    assert compared > 5


@pytest.mark.parametrize("package", PACKAGES.values(), ids=lambda p: p.name)
def test_a_package_lies_where_its_name_and_version_say(package: RulePackage) -> None:
    [directory] = PACKS.glob(f"*/rules/{package.name}/{package.version}")

    assert load_package(directory).sha256 == package.sha256


def test_one_byte_is_another_package() -> None:
    files = dict(PACKAGES["ee-family-benefits"].files)
    files["parameters/birth_grant.yaml"] = files["parameters/birth_grant.yaml"].replace(b"320", b"321")

    assert parse_package(files).sha256 != PACKAGES["ee-family-benefits"].sha256


def test_every_parameter_is_dated_and_cites_the_law() -> None:
    values = [value for p in PACKAGES.values() for history in p.parameters.values() for value in history]

    assert len(values) > 20
    assert all(value.article and isinstance(value.valid_from, date) for value in values)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"package.yaml": None}, "has no"),
        ({"variables.py": None}, "has no"),
        ({"package.yaml": b"name: [unclosed"}, "cannot be read"),
        ({"package.yaml": SMALL.replace("version: 1.0.0", "version: one").encode()}, "cannot be read"),
        ({"package.yaml": SMALL.replace("country: EE", "country: EE\nsurprise: 1").encode()}, "surprise"),
        ({"package.yaml": SMALL.replace("currency: EUR, ", "").encode()}, "currency"),
        ({"parameters/a.yaml": b"values: {2020-01-01: {value: 1.5, metadata: {reference: x}}}"}, "no float"),
        ({"parameters/a.yaml": b"values: {2020-01-01: {value: 1}}"}, "reference"),
        ({"parameters/a.yaml": b"values: {soon: {value: 1, metadata: {reference: x}}}"}, "cannot be read"),
        (
            {
                "parameters/a.yaml": b"metadata: {unit: EUR}\nvalues: {2020-01-01: {value: much, metadata: {reference: x}}}"
            },
            "read",
        ),
        ({"package.yaml": (SMALL + "reasons: [{code: a, output: b, article: c}]").encode()}, "no output b"),
        ({"package.yaml": (SMALL + "model_inputs: {guess: unknown}").encode()}, "no fact"),
    ],
)
def test_what_is_no_package_is_refused(change: dict[str, bytes | None], said: str) -> None:
    files = {"package.yaml": SMALL.encode(), "variables.py": b""} | change

    with pytest.raises(CallerError, match=said) as refused:
        parse_package({path: content for path, content in files.items() if content is not None})

    assert refused.value.code == "invalid_package"


def test_an_output_that_no_variable_computes_is_refused() -> None:
    package = small_package("  nothing: {entity: person, type: bool, label: {en: nothing}}", "")

    with pytest.raises(CallerError, match="nothing") as refused:
        evaluate(
            package, {"persons": {"a": {}}, "households": {"h": {"adult": ["a"]}}}, [], at=date(2026, 1, 1)
        )

    assert refused.value.code == "invalid_package"


def test_a_variable_without_formula_that_is_no_fact_is_refused() -> None:
    package = small_package(
        "  x: {entity: person, type: bool, label: {en: x}}",
        "class x(Variable):\n    def formula(person, period, law):\n        return person('y')\n"
        "class y(Variable):\n    value_type = bool\n    entity = Person\n    definition_period = ETERNITY\n",
    )

    with pytest.raises(CallerError, match=r"no formulas of \['y'\]"):
        evaluate(
            package,
            {"persons": {"a": {}}, "households": {"h": {"adult": ["a"]}}},
            [("a", "x", "ETERNITY")],
            at=date(2026, 1, 1),
        )


def test_a_variable_that_is_not_what_the_package_says_is_refused() -> None:
    package = small_package(
        "  sum: {entity: person, type: money, currency: EUR, label: {en: sum}}",
        "class sum(Variable):\n    value_type = bool\n    def formula(person, period, law):\n        return person('works')\n",
    )

    with pytest.raises(CallerError, match="not what") as refused:
        evaluate(
            package, {"persons": {"a": {}}, "households": {"h": {"adult": ["a"]}}}, [], at=date(2026, 1, 1)
        )

    assert refused.value.code == "invalid_package"
