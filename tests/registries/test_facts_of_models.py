"""A model's word for a fact that the rules take from no model is refused, before they run and before anything is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from sild.errors import CallerError
from sild.registries import SocialRegister
from sild.registries.deciding import Judged, KnownFact, Ruling
from sild.registries.kernel import Usage
from support.clock import SetClock
from support.rules import AT, FAMILY, small_package

EITHER = """
class either(Variable):
    def formula(person, period, law):
        return person("works") | person("disabled")
"""
SMALL = small_package(
    "  either: {entity: person, type: bool, label: {en: x}}\nmodel_inputs: {works: unknown}\n", EITHER
)
ASKED = [("a", "either", "ETERNITY")]
USAGE = Usage("SILD/GOV/70000001/portal", "once", user_id="automatic", issue="case-7", basis="PHS § 17")
FACTS = (
    KnownFact("households/h/adult", "role", ["a"], in_clear=True),
    KnownFact("persons/a/works/ETERNITY", "bool", True),
    KnownFact("persons/a/disabled/ETERNITY", "bool", False),
)
RULING = Ruling(
    country="EE", effect="grant", step="grant", service="birth", algorithm="family-benefits",
    purpose="family benefits", subjects=(("62603010039", "child"),), outcome="family_benefits.grant",
)  # fmt: skip


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SocialRegister]:
    register = SocialRegister.open(tmp_path_factory.mktemp("register"), people=0, clock=SetClock())
    register.deciding.packages = {one.sha256: one for one in (SMALL, FAMILY)}
    yield register
    register.close()


def said_by_a_model(number: int) -> tuple[KnownFact, ...]:
    return tuple(
        replace(fact, asserted_by="model", message_id="call-1") if at == number else fact
        for at, fact in enumerate(FACTS)
    )


def test_a_model_says_what_the_package_lets_it_say(register: SocialRegister) -> None:
    judged = register.deciding.judge("small", said_by_a_model(1), at=AT, outputs=ASKED)
    assert judged.evaluation.value("a", "either") is True


@pytest.mark.parametrize("number", [0, 2], ids=["who is in a household", "a fact that a register has"])
def test_and_nothing_else(register: SocialRegister, number: int) -> None:
    facts = said_by_a_model(number)
    with pytest.raises(CallerError, match=facts[number].path) as refused:
        register.deciding.judge("small", facts, at=AT, outputs=ASKED)
    assert refused.value.code == "not_from_a_model"
    assert "False" not in str(refused.value), "the place, never the value"


def test_a_package_that_names_no_facts_takes_none_from_a_model(register: SocialRegister) -> None:
    born = KnownFact(
        "persons/child/born/ETERNITY", "date", "2026-03-01", asserted_by="model", message_id="call-1"
    )
    with pytest.raises(CallerError, match="born") as refused:
        register.deciding.judge(FAMILY.name, [born], at=AT, outputs=())
    assert refused.value.code == "not_from_a_model"


def test_what_was_judged_otherwise_is_not_recorded(register: SocialRegister) -> None:
    judged = register.deciding.judge("small", FACTS, at=AT, outputs=ASKED)
    forged = Judged(judged.package, said_by_a_model(2), judged.evaluation)
    with register.kernel.used("acceptOffer", USAGE) as use, pytest.raises(CallerError) as refused:
        register.deciding.record(use, forged, RULING)
    assert refused.value.code == "not_from_a_model"
