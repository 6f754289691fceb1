"""What the register decides about a birth it keeps as a decision: the automatic entry, the official's, the return; and a corrected fact."""

from __future__ import annotations

from dataclasses import replace

import pytest

from .test_birth_failures import FORM, MARI, MOTHER, citizen, couples, official
from .village import Village


@pytest.fixture
async def village(tmp_path):
    async with Village(tmp_path) as village:
        yield village


def decided(village, kind="population"):
    register = village.registers[kind]
    with register.kernel.engine.connect() as connection:
        return [one.record for one in reversed(register.deciding.store.listed(connection))]


async def test_all_green_the_rule_decides_with_both_signatures(village):
    mother, father = couples(2)[1]
    child = await village.born(mother.code)
    case = await village.case_of(citizen(mother))
    form = {**FORM, "family_name": [mother.family_name]}
    await village.act(case, "DECLARE", citizen(mother), form)
    assert decided(village) == []
    await village.act(case, "COSIGN", citizen(father))
    (record,) = decided(village)
    assert (record.kind, record.automation, record.case) == ("rule", 4, case)
    assert {one.name for one in record.inputs} >= {
        "persons/mother/signed/ETERNITY",
        "persons/father/signed/ETERNITY",
    }
    birth = await village.ask("population", "GET", f"/births/{child}")
    assert birth["decision"] == str(record.id)


async def test_a_return_and_an_officials_entry_are_decisions_with_what_was_seen(village):
    mother, father = couples(2)[1]
    await village.born(mother.code)
    case = await village.case_of(citizen(mother))
    form = {**FORM, "family_name": [mother.family_name]}
    await village.act(case, "DECLARE", citizen(mother), form)
    other = {"given_names": ["Anna"], "family_name": [mother.family_name]}
    await village.act(case, "PROPOSE", citizen(father), other)
    desk = official(await village.office(case))
    await village.act(case, "TAKE", desk)
    village.later(minutes=3)
    await village.act(case, "RETURN", desk, {"defects": ["parents_disagree"], "words": ["Leppige kokku."]})
    await village.act(case, "DECLARE", citizen(mother), form)
    await village.act(case, "PROPOSE", citizen(father), other)
    await village.act(case, "APPROVE", desk)
    returned, entered = decided(village)
    for record, action, effect in ((returned, "return", "demand"), (entered, "confirm", "grant")):
        (step,) = record.human
        assert (record.kind, record.effect, step.action, step.device_posture) == (
            "human",
            effect,
            action,
            "managed",
        )
        assert step.seconds >= 180
    assert returned.human[0].reason_code == "parents_disagree"
    assert returned.human[0].view_sha256 != entered.human[0].view_sha256
    assert [one.code for one in returned.reasons][-2:] == ["returned", "parents_disagree"]


async def test_a_corrected_birth_date_reaches_the_cover_and_the_parents_hear_of_it(tmp_path):
    mother, father = couples(1, "VN")[0]
    async with Village(tmp_path, country="VN") as village:
        child = await village.born(mother.code)
        case = await village.case_of(citizen(mother))
        form = {**FORM, "given_names": ["Minh Anh"], "family_name": [father.family_name]}
        await village.act(case, "DECLARE", citizen(mother), form)
        await village.act(case, "COSIGN", citizen(father))
        desk = replace(official(await village.office(case)), person="VN001068000009")
        await village.act(case, "APPROVE", desk)
        assert [one.kind for one in decided(village)] == ["human"]
        facts = (await village.ask("population", "GET", f"/persons/{child}/facts"))["items"]
        born = next(one for one in facts if one["name"] == "born")
        correction = {"value": "2026-02-20", "reason": "the hospital's book says otherwise"}
        path = f"/facts/{born['fact']}/correction"
        await village.ask("population", "POST", path, correction, user="EE36805280109")
        await village.settle()
        first, second = decided(village, "insurance")
        assert (second.effect, second.supersedes) == ("correct", first.id)
        assert "decision_corrected" in await village.notices(citizen(mother))
        cover = await village.ask("insurance", "GET", f"/persons/{child}/cover")
        assert (cover["valid_from"], cover["decision"]) == ("2026-02-20", str(second.id))
        assert MOTHER.code not in str(await village.notices(MARI))
