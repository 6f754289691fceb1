"""Who has no electronic identity says it before an official: the register has it on the official's proof, both hear of it, and can contest it."""

from __future__ import annotations

import tempfile
from dataclasses import replace

import pytest

from registries.families import man, single
from sild.cases import Refused
from sild.cases.birth_paternity import HERE
from sild.errors import Unavailable
from support.pictures import PDF

from .village import FORM, OFFICIAL_VN, SUPERIOR, Village, citizen, official

WOMAN, MAN = single(), man()
EVA, PEETER = citizen(WOMAN), citizen(MAN)
NUMBER = "AB7654321"
SAID = {
    "present": ["father"],
    "answer": ["acknowledge"],
    "document": ["id_card"],
    "document_number": [NUMBER],
    "words": ["The child is mine."],
}
HERS = {**SAID, "present": ["mother"], "custody": ["joint"], "words": ["He is the father."]}
DENIED = {**SAID, "answer": ["deny"], "words": ["I am not."]}


@pytest.fixture
async def case(village):
    village.child = await village.born(WOMAN.code, MAN.code)
    return await village.case_of(EVA)


async def desk_of(village, case):
    return official(await village.office(case))


def deaf(village, what="before-official"):
    """The register does not hear this one message, until the returned function is called."""
    send, is_deaf = village.wire.send, [True]

    async def sending(register, method, path, **how):
        if is_deaf[0] and what in path:
            raise Unavailable("the line is bad", code="network_error")
        return await send(register, method, path, **how)

    village.wire.send = sending
    return lambda: is_deaf.__setitem__(0, False)


async def paternity(village, child=None):
    return (await village.ask("population", "GET", f"/births/{child or village.child}"))["paternity"]


async def test_both_say_it_before_the_official_and_he_is_the_father(village, case):
    """Two at the counter, no identity card's PIN between them; then the name, as ever."""
    desk = await desk_of(village, case)
    await village.act(case, "TAKE_PATERNITY", desk, SAID)
    state = await paternity(village)
    assert (state["status"], state["waiting_for"]) == ("WAITING", [WOMAN.code])
    assert state["answers"][0]["before"] == {"official": desk.person, "document": "id_card"}
    assert {*await village.notices(PEETER)} == {"paternity_here_acknowledged", "paternity_asked"}
    await village.act(case, "TAKE_PATERNITY", desk, HERS)
    assert (await paternity(village))["status"] == "ACKNOWLEDGED"
    assert "paternity_here_other_acknowledged" in await village.notices(EVA)
    for person in (EVA, PEETER):
        actions = [entry.name for entry in (await village.cases.view(case, person)).timeline]
        assert actions.count("TAKE_PATERNITY") == 2
        assert "birth.paternity" not in [task.screen for task in (await village.cases.home(person)).tasks]
    await village.act(case, "DECLARE", EVA, {**FORM, "family_name": [WOMAN.family_name]})
    await village.act(case, "COSIGN", PEETER)
    assert (await village.cases.view(case, PEETER)).results["given_names"] == "Linda"


async def test_the_number_of_the_document_is_in_no_message_and_no_partys_timeline(village, case):
    desk = await desk_of(village, case)
    sent, send = [], village.wire.send

    async def listening(register, method, path, *, headers, body=None, **how):
        sent.append(f"{path} {headers} {body}")
        return await send(register, method, path, headers=headers, body=body, **how)

    village.wire.send = listening
    await village.act(case, "TAKE_PATERNITY", desk, SAID)
    assert any("before-official" in one for one in sent) and not any(NUMBER in one for one in sent)
    for person in (EVA, PEETER):
        assert NUMBER not in repr(await village.cases.view(case, person))
        assert NUMBER not in repr(await village.cases.inbox(person))
    assert NUMBER in repr(await village.cases.view(case, desk))
    trackers = [
        await village.ask("population", "GET", f"/findUsage?userCode=EE{code}", user="EE" + code)
        for code in (WOMAN.code, MAN.code)
    ]
    assert all("wrote down what a parent said" in repr(one) for one in trackers), trackers


async def test_a_denial_before_the_official_ends_this_branch_and_no_other(village, case):
    desk = await desk_of(village, case)
    await village.act(case, "TAKE_PATERNITY", desk, DENIED)
    assert (await paternity(village))["status"] == "DENIED"
    assert {"paternity_here_other_denied", "paternity_denied"} <= set(await village.notices(EVA))
    with pytest.raises(Refused) as refused:
        await village.act(case, "TAKE_PATERNITY", desk, HERS)
    assert refused.value.code in ("too_late", "defects")
    with pytest.raises(Refused):
        await village.act(case, "ACKNOWLEDGE", EVA)
    await village.act(case, "DECLARE", EVA, {**FORM, "family_name": [WOMAN.family_name]})
    assert (await village.cases.view(case, EVA)).status == "OFFERED"


async def test_who_has_said_otherwise_themselves_is_not_overruled(village, case):
    """While it was under way she denied it from home: the register keeps hers, and the official sees that it took no more."""
    desk = await desk_of(village, case)
    hears, child = deaf(village), village.child
    await village.say(case, "TAKE_PATERNITY", desk, SAID, key="his")
    denied = {"parent": WOMAN.code, "father": MAN.code, "answer": "DENIED"}
    await village.ask("population", "POST", f"/births/{child}/paternity", denied, user=f"EE{WOMAN.code}")
    hears()
    await village.settle()
    await village.try_again(case)
    assert (await paternity(village))["status"] == "DENIED"
    last = (await village.cases.view(case, desk)).timeline
    (said,) = [entry.data for entry in last if entry.name == "PATERNITY"]
    assert (said["status"], said["reason"]) == ("DENIED", "paternity_settled")


async def test_what_is_missing_is_named_and_only_an_official_of_the_office_writes_it(village, case):
    desk = await desk_of(village, case)
    blank = {**SAID, "words": [" "], "document_number": [""], "father": ["60001017869"]}
    with pytest.raises(Refused) as refused:
        await village.act(case, "TAKE_PATERNITY", desk, blank)
    assert {one.field for one in refused.value.defects} >= {"document_number"}
    with pytest.raises(Refused) as refused:
        await village.act(case, "TAKE_PATERNITY", desk, {**SAID, "father": ["60001017869"]})
    assert [(one.field, one.reason) for one in refused.value.defects] == [("father", "fathers_differ")]
    others = (
        (replace(desk, posture="unmanaged"), "read_only_device"),
        (replace(desk, acr="substantial"), "level_too_low"),
        (official("birth@0624"), "not_yours"),
        (EVA, "not_yours"),
    )
    for actor, code in others:
        with pytest.raises(Refused) as refused:
            await village.act(case, "TAKE_PATERNITY", actor, SAID)
        assert refused.value.code == code
    kin = official(desk.authority, MAN.code)
    with pytest.raises(Refused) as refused:
        await village.act(case, "TAKE_PATERNITY", kin, SAID)
    assert refused.value.code == "conflict_of_interest"
    assert (await paternity(village))["answers"] == []


async def test_of_a_child_for_whom_no_man_was_named_both_can_come(village):
    child = await village.born(WOMAN.code)
    case = await village.case_of(EVA)
    desk = await desk_of(village, case)
    with pytest.raises(Refused) as refused:
        await village.act(case, "TAKE_PATERNITY", desk, HERS)
    assert [(one.field, one.reason) for one in refused.value.defects] == [("father", "missing")]
    await village.act(case, "TAKE_PATERNITY", desk, {**HERS, "father": [f"EE{MAN.code}"]})
    assert "birth.paternity" in [task.screen for task in (await village.cases.home(PEETER)).tasks]
    await village.act(case, "ACKNOWLEDGE", PEETER)  # he, from home
    assert (await paternity(village, child))["status"] == "ACKNOWLEDGED"


async def test_who_never_said_it_contests_it_and_the_registers_people_look(village, case):
    desk = await desk_of(village, case)
    await village.act(case, "TAKE_PATERNITY", desk, SAID)
    with pytest.raises(Refused):
        await village.act(case, "CONTEST_PATERNITY", EVA, {"words": ["Not so."]})  # it is not her word
    assert "birth.paternity_contest" in [task.screen for task in (await village.cases.view(case, PEETER)).may]
    await village.act(case, "CONTEST_PATERNITY", PEETER, {"words": ["I was never there."]})
    with pytest.raises(Refused) as refused:
        await village.act(case, "CONTEST_PATERNITY", PEETER, {"words": ["Really."]})
    assert refused.value.code == "already_done"
    matters = (await village.ask("population", "GET", "/matters", user=desk.person))["items"]
    assert [one["kind"] for one in matters] == ["dispute"]
    facts = (await village.ask("population", "GET", f"/persons/{village.child}/facts"))["items"]
    (his,) = [one for one in facts if one["name"] == "paternity"]
    assert his["key"] == MAN.code and his["value"]["answer"] == "ACKNOWLEDGED"  # it stands until they have


async def test_the_paper_they_signed_is_kept_for_the_office_alone(village, case):
    desk = await desk_of(village, case)
    with tempfile.TemporaryFile() as signed:
        signed.write(PDF)
        signed.seek(0)
        file = await village.cases.add_file(case, HERE, "paper", desk, signed, "signed.pdf")
    await village.act(case, "TAKE_PATERNITY", desk, {**SAID, "paper": [file.id]})
    colleague = official(desk.authority, SUPERIOR)
    kept = b"".join([part async for part in await village.cases.read_file(case, file.id, colleague)])
    assert kept == PDF
    for person in (EVA, PEETER):
        with pytest.raises(Refused):
            await village.cases.read_file(case, file.id, person)


async def test_from_whom_she_is_protected_his_word_is_not_taken_beside_hers(village):
    """An order from before the birth: the desk takes hers, people go on by hand with his."""
    order = {"protected": WOMAN.code, "against": MAN.code, "children": [], "valid_from": "2026-03-01", "order": "2-26-1"}  # fmt: skip
    await village.ask("population", "POST", "/protection-orders", order)
    child = await village.born(WOMAN.code, MAN.code)
    case = await village.case_of(EVA)
    await village.act(case, "DECLARE", EVA, {**FORM, "family_name": [WOMAN.family_name]})
    desk = await desk_of(village, case)
    filled = await village.cases.fill(case, HERE, desk)
    assert [value for value, _ in filled.options["present"]] == ["mother"]
    with pytest.raises(Refused):
        await village.act(case, "TAKE_PATERNITY", desk, SAID)
    await village.act(case, "TAKE_PATERNITY", desk, HERS)
    assert not await village.notices(PEETER)
    assert (await paternity(village, child))["waiting_for"] == [MAN.code]


async def test_silence_ends_what_was_to_be_told(village, case):
    """The child dies while the register is down: nobody hears of paternity any more."""
    desk = await desk_of(village, case)
    hears = deaf(village)
    await village.say(case, "TAKE_PATERNITY", desk, SAID, key="his")
    await village.dies(village.child, "2026-03-02")
    await village.settle()
    hears()
    await village.settle()
    assert (await village.cases.view(case, EVA)).status == "SILENCED"
    assert not [one for one in await village.notices(EVA) if one.startswith("paternity")]


async def test_in_viet_nam_too(tmp_path):
    class VietNam(Village):
        pass

    mother, father = single("VN"), man("VN")
    async with VietNam(tmp_path, country="VN") as village:
        village.child = await village.born(mother.code, father.code)
        case = await village.case_of(citizen(mother))
        desk = replace(await desk_of(village, case), person=f"VN{OFFICIAL_VN}")
        await village.act(case, "TAKE_PATERNITY", desk, SAID)
        await village.act(case, "TAKE_PATERNITY", desk, HERS)
        assert (await paternity(village))["status"] == "ACKNOWLEDGED"
