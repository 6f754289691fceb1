"""What papers of births come to when they meet cases: one live case for each child, and each right for its own."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sild.cases import BirthPaper, OfflineRecord, Party, Refused
from sild.cases.working import JobWork

from .village import FORM, citizen, couples, official

DESK = official("birth@0784")
AT = datetime(2026, 3, 2, tzinfo=UTC)


def paper(number, child, family_name, given="Liis", key="r-1") -> OfflineRecord:
    content = {"given_names": given, "family_name": family_name, "registered_on": "2026-03-02"}
    return OfflineRecord(key, number, child, (Party("child", child),), content, AT, DESK.person)


async def names_of(village, child) -> tuple[str, str | None]:
    birth = await village.ask("population", "GET", f"/births/{child}")
    person = await village.ask("population", "GET", f"/persons/{child}")
    return birth["status"], person.get("given_names")


async def decides(village, conflict, key, **given) -> None:
    said = {
        "reason": ["Another child."],
        "decision": ["distinct"],
        **{name: [one] for name, one in given.items()},
    }
    await village.cases.act(conflict, "DECIDE", DESK, said, key=key)
    async with asyncio.timeout(15):
        while village.busy():  # before anybody hears of more
            await asyncio.sleep(0.02)
    await village.settle()


async def test_another_child_than_the_paper_names_has_a_case_of_its_own(village):
    """The paper has the code of a child who has a case: the official says whose it is, and both go on, each with its own name."""
    (one, _), (other, _) = couples(2)
    first = await village.born(one.code)
    second = await village.born(other.code, settle=False)  # nobody has told the portal of it yet
    case = await village.case_of(citizen(one))
    block = await village.cases.reserve_numbers("birth", 2, DESK)
    wrong = paper(block.numbers[0], first, other.family_name)
    (merged,) = await village.cases.merge(block.id, [wrong], DESK)
    assert merged.reasons == ("subject_has_case",)
    for number, given in enumerate(({}, {"subject": first})):
        with pytest.raises(Refused) as refused:
            await decides(village, merged.case, f"no-{number}", **given)
        assert [(one.field, one.reason) for one in refused.value.defects] == [("subject", "has_case")]
    await decides(village, merged.case, "yes", subject=second)
    (hers,) = (await village.cases.home(citizen(other))).cases
    assert hers.id != case and (await village.cases.view(case, citizen(one))).status == "OPENED"
    assert await names_of(village, second) == ("REGISTERED", "Liis")
    assert (await names_of(village, first))[0] != "REGISTERED"
    await village.act(case, "DECLARE", citizen(one), {**FORM, "family_name": [one.family_name]})
    await village.act(case, "COSIGN", citizen(one.spouse))
    assert await names_of(village, first) == ("REGISTERED", "Linda")
    for mother, given in ((one, "Linda"), (other, "Liis")):
        (line,) = (await village.cases.home(citizen(mother))).cases
        results = (await village.cases.view(line.id, citizen(mother))).results
        assert results["given_names"] == given and results["card_number"]


async def test_of_a_child_who_has_a_case_by_now_the_paper_comes_back_to_the_official(village):
    mother, _ = couples(1)[0]
    child = await village.born(mother.code, settle=False)
    block = await village.cases.reserve_numbers("birth", 1, DESK)
    used = paper(block.numbers[0], "61801010013", "Tamm")
    twice = paper(block.numbers[0], child, mother.family_name, key="r-2")
    conflict = (await village.cases.merge(block.id, [used, twice], DESK))[1]
    assert conflict.reasons == ("number_used",)
    await village.settle()  # the news of the birth comes, and opens its case
    await decides(village, conflict.case, "d-1")
    view = await village.cases.view(conflict.case, DESK)
    assert (view.status, [entry.name for entry in view.timeline][-1]) == ("OPENED", "TURN_BACK")
    assert len((await village.cases.home(citizen(mother))).cases) == 1
    with pytest.raises(Refused):
        await decides(village, conflict.case, "d-2")
    await village.cases.act(
        conflict.case, "DECIDE", DESK, {"decision": ["same"], "reason": ["The same."]}, key="d-3"
    )
    assert (await village.cases.view(conflict.case, DESK)).is_closed


async def test_handed_in_while_the_news_of_the_birth_is_taken_there_is_one_case(village, monkeypatch):
    mother, _ = couples(1)[0]
    child = await village.born(mother.code, settle=False)
    block = await village.cases.reserve_numbers("birth", 1, DESK)
    handed_in, cases = asyncio.Event(), JobWork.cases

    async def looked(work, step, *of, **how):
        found = await cases(work, step, *of, **how)
        if step == "known":  # none yet: and then
            await village.cases.merge(block.id, [paper(block.numbers[0], child, mother.family_name)], DESK)
            handed_in.set()
        return found

    monkeypatch.setattr(JobWork, "cases", looked)
    await village.settle()
    assert handed_in.is_set()
    (line,) = (await village.cases.home(citizen(mother))).cases
    assert line.number == block.numbers[0] and await names_of(village, child) == ("REGISTERED", "Liis")


async def test_a_paper_handed_in_at_the_desk_joins_the_case_there_is_or_begins_one(village):
    """The same paper again comes to the same; what does not fit is named at its field; a child whose case takes no paper is a conflict."""
    (one, _), (other, _) = couples(2)
    first, second = await village.born(one.code), await village.born(other.code, settle=False)
    case = await village.case_of(citizen(one))
    block = await village.cases.reserve_numbers("birth", 4, DESK, key="form-1")
    assert block == await village.cases.reserve_numbers("birth", 4, DESK, key="form-1")
    theirs = await village.cases.reserve_numbers("birth", 1, official("birth@0793"))
    mine = BirthPaper(block.numbers[0], f"EE{first}", "Liis", one.family_name, "2026-03-02")
    wrong = BirthPaper(theirs.numbers[0], "123", "L11s", "", "2026-99-01")
    with pytest.raises(Refused) as refused:
        await village.cases.hand_in(wrong, DESK)
    assert {one.field: one.reason for one in refused.value.defects} == {
        "number": "unknown_number", "child": "not_a_code", "given_names": "not_a_name",
        "family_name": "missing", "registered_on": "not_a_date",
    }  # fmt: skip
    with pytest.raises(
        Refused
    ) as refused:  # the case itself looks on: nobody is registered before they are born
        await village.cases.hand_in(replace(mine, registered_on="2020-01-01"), DESK)
    assert [(one.field, one.reason) for one in refused.value.defects] == [("registered_on", "before_birth")]
    joined = await village.cases.hand_in(mine, DESK)
    assert (joined.outcome, joined.case) == ("joined", case)
    begun = await village.cases.hand_in(replace(mine, number=block.numbers[1], child=second, family_name=other.family_name), DESK)  # fmt: skip
    assert (begun.outcome, begun.case_number) == ("registered", block.numbers[1])
    await village.settle()
    assert await names_of(village, first) == await names_of(village, second) == ("REGISTERED", "Liis")
    twice = await village.cases.hand_in(replace(mine, number=block.numbers[2]), DESK)
    assert (twice.outcome, twice.reasons) == ("conflict", ("subject_has_case",))
    assert (await village.cases.view(twice.case, DESK)).tasks[0].screen == "offline_conflict.desk"
    assert await village.cases.hand_in(mine, DESK) == joined
    assert await village.cases.hand_in(replace(mine, number=block.numbers[2]), DESK) == twice
    assert (await village.cases.paper(block.numbers[1], DESK)) == begun
    with pytest.raises(Refused) as refused:
        await village.cases.hand_in(replace(mine, given_names="Eha"), DESK)
    assert [(one.field, one.reason) for one in refused.value.defects] == [("number", "number_used")]
    (listed,) = await village.cases.number_blocks(DESK)
    assert listed.numbers == block.numbers and listed.used == set(block.numbers[:3])
    for actor in (replace(DESK, posture="unmanaged"), replace(DESK, acr="substantial"), citizen(one)):
        with pytest.raises(Refused):
            await village.cases.hand_in(replace(mine, number=block.numbers[3]), actor)
