"""A new version of the rules: what it would give otherwise is found once, and goes the way of what a corrected fact reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from sild.decisions import RULES, DecisionRecord, Recomputed, Recomputing, list_ripples, recompute
from sild.registries.deciding import take_up_rules
from sild.registries.kernel import Use
from sild.registries.social.register import SocialRegister
from sild.rules import RulePackage, shipped_packages

from .conftest import FATHER, MOTHER, USAGE, Others, SetClock
from .test_social import IBAN, declare, offered, settle

FAMILY = {one.version: one for one in shipped_packages().values() if one.name == "ee-family-benefits"}
OLD, NEW = FAMILY["1.0.0"], FAMILY["1.1.0"]
UNTIL = "family/allowance_until/ETERNITY"


@pytest.fixture
def register(directory: Path, database_url: str | None, clock: SetClock) -> Iterator[SocialRegister]:
    """Of the day before: the new version is not loaded yet."""
    register = SocialRegister.open(directory, database_url, people=0, clock=clock)
    register.deciding.packages = {OLD.sha256: OLD}
    declare(register, MOTHER, "2000")
    declare(register, FATHER, "1500.50")
    yield register
    register.close()


def looked_at(register: SocialRegister, package: RulePackage = NEW) -> tuple[Recomputing, list[Recomputed]]:
    first, *found = recompute(register.deciding.store, package, register.deciding.engine)
    assert isinstance(first, Recomputing)
    return first, [one for one in found if isinstance(one, Recomputed)]


async def test_an_offer_is_made_again_and_of_what_was_granted_people_decide(
    register: SocialRegister, others: Others
) -> None:
    offer = await offered(register, others)
    register.accept(offer.id, "mother", IBAN, replace(USAGE, message_id="a"))
    store = register.deciding.store
    with register.kernel.engine.connect() as connection:
        made, granted = (str(one.record.id) for one in store.of_case(connection, "case-7"))
    begun = list(islice(recompute(store, NEW, register.deciding.engine), 2))
    assert begun[0] == Recomputing(total=2, done=0) and isinstance(begun[1], Recomputed)
    again, rest = looked_at(register)  # it was killed after the first
    assert again == Recomputing(total=2, done=1)
    names = {
        one.decision: (one.found, one.names) for one in (*begun[1:], *rest) if isinstance(one, Recomputed)
    }
    assert names[made] == ("differs", (UNTIL,))
    found, keys = names[granted]
    assert found == "differs" and all("child_allowance" in key for key in keys), (
        "days that its record does not say"
    )
    assert looked_at(register) == (Recomputing(2, 2), [])
    with register.kernel.engine.connect() as connection:
        waiting = list_ripples(connection, state="waiting", concept=RULES)
    assert {(one.source, one.fact) for one in waiting} == {("ee-family-benefits", "1.1.0")}

    register.deciding.packages = {OLD.sha256: OLD, NEW.sha256: NEW}
    good = register.deciding.decides_again

    def fails_with_the_first(use: Use, ripple: str, record: DecisionRecord, cause: str) -> bool:
        if ripple == waiting[0].id:
            raise ZeroDivisionError
        return good(use, ripple, record, cause)

    register.deciding.decides_again = fails_with_the_first
    assert take_up_rules(register.deciding) == 1, "the one behind it is not held up"
    register.deciding.decides_again = good
    assert take_up_rules(register.deciding) == 1, "and it was not lost"
    await settle(register, others)
    assert take_up_rules(register.deciding) == 0, "each once"
    with register.kernel.engine.connect() as connection:
        states = {one.decision: (one.state, one.reason) for one in list_ripples(connection, concept=RULES)}
        newer = store.superseded_by(connection, made)
        assert newer is not None
        record = store.find(connection, newer).record
    assert states == {made: ("redecided", None), granted: ("listed", "payment")}
    assert record.rules is not None and record.algorithm is not None
    assert (record.effect, record.rules.version, record.algorithm.version) == ("correct", "1.1.0", "1.1.0")
    assert "rules_changed" in {reason.code for reason in record.reasons}
    item = next(
        one
        for one in register.offer(offer.id, USAGE).choices[0]["items"]
        if one["benefit"] == "child_allowance"
    )
    assert item["valid_to"] == "2042-03-01", "until sixteen (PHS § 17)"


async def test_the_same_rules_again_reach_nothing(register: SocialRegister, others: Others) -> None:
    await offered(register, others)
    assert looked_at(register, OLD) == (Recomputing(0, 0), [])
    assert take_up_rules(register.deciding) == 0


async def test_a_rule_that_fails_is_said_and_left_to_people(register: SocialRegister, others: Others) -> None:
    offer = await offered(register, others)
    files = dict(NEW.files)
    files["variables.py"] = files["variables.py"].replace(
        b'law("birth_grant", family("begins"))', b'law("nothing", family("begins"))'
    )
    from sild.rules import parse_package

    broken = parse_package(files)
    (one,) = looked_at(register, broken)[1]
    assert (one.decision, one.found) == (offer.decision, "impossible") and one.names[0].startswith(
        "rule_failed"
    )
