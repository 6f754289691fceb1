"""What people sign: made, believed, kept; by somebody else, over something else, twice, too late: refused; killed anywhere: done once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from sild.cases import Refused
from sild.errors import CallerError, PeerError
from sild.signatures import verify_signed_document
from support.pen import SIGNERS

from .permit import Permit
from .signing_program import SIGNS, STEPS, world_of
from .world import GIVEN, JUHAN, MARI, OFFICIAL, STRANGER, World

TESTS = Path(__file__).parents[1]


@pytest.fixture
async def world(tmp_path):
    async with World(tmp_path, signatures=SIGNS) as made:
        yield made


async def asked(world, actor=MARI, given=GIVEN, case=None, key=None):
    """Case, and what the person brings back."""
    case = case or await world.open(actor)
    await world.cases.fill(case, "permit.form", actor)
    address = await world.cases.ask_signature(case, "SEND", actor, given, key=key or world.key())
    said = dict(parse_qsl(urlsplit(address).query))
    return case, said["state"], said["code"]


async def sent(world, case):
    view = await world.cases.view(case, OFFICIAL)
    return [entry.name for entry in view.timeline].count("SEND"), view.signed


async def refused(code, awaited):
    with pytest.raises(Refused) as raised:
        await awaited
    assert raised.value.code == code


async def test_signed_and_done(world):
    case, state, code = await asked(world)
    acted = await world.cases.finish_signature(state, code, MARI)
    assert (acted.action, acted.status, acted.again) == ("SEND", "SENT", False)
    (one,) = (await world.cases.view(case, MARI)).signed
    for reader in (MARI, OFFICIAL):
        name, container = await world.cases.signed(case, one.id, reader)
        found = verify_signed_document(container, named=SIGNERS)
        assert found.person == MARI.person and name.endswith("-send.asice")
    text = found.document.decode()
    number = (await world.cases.view(case, MARI)).number
    for said in ("Permit", number, "EE38001085718", "Mari", "by the lake", "2 March 2026", case):
        assert said in text, text
    await refused("not_yours", world.cases.signed(case, one.id, STRANGER))
    await refused("not_found", world.cases.signed(case, one.id, JUHAN))  # another owner may not see hers
    await refused("not_found", world.cases.signed(case, "no", MARI))
    again = await world.cases.finish_signature(state, code, MARI)  # the page, reloaded
    assert again.again and again.seq == acted.seq and (await sent(world, case))[0] == 1


async def test_without_a_signature_nothing_is_done(world):
    case = await world.open()
    await refused("signature_needed", world.act(case, "SEND", MARI, GIVEN))
    await refused("defects", world.act(case, "SEND", MARI, {"colour": ["pink"], "note": ["x"]}))
    with pytest.raises(Refused) as raised:
        await asked(world, given={"colour": ["pink"], "note": ["x"]}, case=case)
    assert raised.value.code == "defects"  # before anybody is sent to sign
    await refused("level_too_low", asked(world, replace(MARI, acr="low"), case=case))
    assert await sent(world, case) == (0, ())


async def test_what_does_not_count(world):
    """Another's signature, one over another text or name, one from before it was asked for, another's return, a code that is none."""
    _, _, elsewhere = await asked(world)
    for attack in ("person", "text", "name", "old", "stranger", "no-code", "other-code"):
        case, state, code = await asked(world)
        before, actor, expected = world.now, MARI, "signature_refused"
        world.pen.signs_as = "EE47101010033" if attack == "person" else None
        world.pen.instead = None
        pending = await world.cases.asked_signature(state, MARI)
        match attack:
            case "text":
                world.pen.instead = replace(pending.statement, text="I give away all I own\n")
            case "name":
                world.pen.instead = replace(pending.statement, name="else.txt")
            case "old":
                world.later(hours=-1)
            case "stranger":
                actor, expected = STRANGER, "not_found"
            case "no-code":
                code = ""
            case "other-code":
                code = elsewhere
        await refused(expected, world.cases.finish_signature(state, code, actor))
        world.now = before
        assert await sent(world, case) == (0, ()), attack


async def test_a_signature_is_for_its_form(world):
    """What was signed for one answer is good for no other, nor for another case."""
    case, state, code = await asked(world)
    pending = await world.cases.asked_signature(state, MARI)
    token = await world.pen.redeem(code, pending.code_verifier)
    container = await world.pen.sign(pending.statement, pending.kept, token)
    signing = world.cases._signing
    signed = signing.verified(pending, container)
    acting = world.cases._acting
    known = world.cases.known(MARI)
    other = {**GIVEN, "note": ["another note"]}
    await refused("signature_refused", acting.act(case, "SEND", known, other, key="a", signed=signed))
    elsewhere = await world.open()
    await refused("signature_refused", acting.act(elsewhere, "SEND", known, GIVEN, key="b", signed=signed))
    await refused(
        "signature_refused", acting.act(case, "SEND", world.cases.known(JUHAN), GIVEN, key="c", signed=signed)
    )
    _, state, _ = await asked(
        world, case=case
    )  # the same text, asked for once more: another day's file is no answer
    second = await world.cases.asked_signature(state, MARI)
    assert signing.verified(second, container).id != signed.id


async def test_two_at_once(world):
    case, state, code = await asked(world)
    both = await asyncio.gather(*(world.cases.finish_signature(state, code, MARI) for _ in range(3)))
    assert len({one.seq for one in both}) == 1
    count, signed = await sent(world, case)
    assert (count, len(signed)) == (1, 1)


async def test_signed_twice_in_two_tabs(world):
    """Two forms, both signed: the second finds that it is done, and its signature is not kept with the case."""
    case = await world.open()
    _, first, code = await asked(world, case=case)
    _, second, other = await asked(world, case=case)
    await world.cases.finish_signature(first, code, MARI)
    await refused("already_done", world.cases.finish_signature(second, other, MARI))
    count, signed = await sent(world, case)
    assert (count, len(signed)) == (1, 1)


async def test_the_service_is_down_when_they_come_back(world):
    case, state, code = await asked(world)
    world.pen.down = True
    with pytest.raises(Exception, match="nobody signs just now"):
        await world.cases.finish_signature(state, code, MARI)
    assert await world.cases._signing.resume_once() == 0
    world.later(minutes=1)
    assert await world.cases._signing.resume_once() == 0  # still down
    world.pen.down = False
    assert await world.cases._signing.resume_once() == 1
    assert (await sent(world, case))[0] == 1


async def left_off(world, *, given=GIVEN):
    """She has said yes, and nobody went on."""
    case, state, code = await asked(world, given=given)
    world.pen.down = True
    with pytest.raises(Exception, match="nobody signs just now"):
        await world.cases.finish_signature(state, code, MARI)
    world.pen.down = False
    return case, state, code


async def test_one_that_fails_holds_up_no_other(world, monkeypatch):
    cases = [(await left_off(world))[0] for _ in range(2)]
    world.later(minutes=1)
    sign, asked_before = world.pen.sign, []

    async def fails_once(*args):
        asked_before.append(args)
        if len(asked_before) == 1:
            raise PeerError("an answer that is none")
        return await sign(*args)

    monkeypatch.setattr(world.pen, "sign", fails_once)
    assert await world.cases._signing.resume_once() == 1
    assert await world.cases._signing.resume_once() == 1, "and it is tried again"
    assert [(await sent(world, case))[0] for case in cases] == [1, 1]


async def test_a_register_that_is_silent_does_not_end_it(world, monkeypatch):
    case, _, _ = await left_off(world)
    world.later(minutes=1)
    check = Permit.check

    async def silent(*args):
        raise Refused("it does not answer", code="register_down", register="population")

    monkeypatch.setattr(Permit, "check", silent)
    assert await world.cases._signing.resume_once() == 0
    monkeypatch.setattr(Permit, "check", check)
    assert await world.cases._signing.resume_once() == 1
    assert (await sent(world, case))[0] == 1


async def test_it_is_for_whom_it_was_asked(world):
    """She began for herself; while she acts for another owner, what she signed is not said for them."""
    world.mandates.standing.add("m-1")
    case, state, code = await asked(world)
    for_another = replace(MARI, representee=JUHAN.person, mandate_id="m-1")
    await refused("not_found", world.cases.asked_signature(state, for_another))
    await refused("not_found", world.cases.finish_signature(state, code, for_another))
    assert (await sent(world, case))[0] == 0
    await world.cases.finish_signature(state, code, MARI)
    (entry,) = [one for one in (await world.cases.view(case, MARI)).timeline if one.name == "SEND"]
    assert entry.by == "you"
    case, state, code = await asked(world, for_another)
    await world.cases.finish_signature(state, code, for_another)
    (one,) = (await world.cases.view(case, for_another)).signed
    _, container = await world.cases.signed(case, one.id, for_another)
    text = verify_signed_document(container, named=SIGNERS).document.decode()
    assert f"For: EE{JUHAN.person.removeprefix('EE')}, by mandate m-1" in text, text


async def test_what_leads_nowhere_goes(world):
    _, state, _ = await asked(world)
    done_case, done, code = await asked(world)
    await world.cases.finish_signature(done, code, MARI)
    at = world.now
    world.later(days=2)
    world.cases._parts.signatures.expire(world.clock())
    world.now = at
    await refused("not_found", world.cases.asked_signature(state, MARI))
    assert len((await sent(world, done_case))[1]) == 1


async def test_people_sign_for_themselves(world):
    case = await world.open()
    await refused("only_in_person", world.cases.ask_signature(case, "SEND", OFFICIAL, GIVEN, key="k"))


async def test_nobody_signs_here(tmp_path):
    async with World(tmp_path, signatures=SIGNS) as world:
        world.cases._signing._pen = None
        case = await world.open()
        await refused("no_signatures", world.cases.ask_signature(case, "SEND", MARI, GIVEN, key="k"))


def test_a_profile_names_screens_that_there_are(tmp_path):
    with pytest.raises(CallerError) as raised:
        World(tmp_path, signatures=("permit.nothing.SEND",)).open_system()
    assert raised.value.code == "invalid_profile"


@pytest.mark.parametrize("step", STEPS)
async def test_killed_between_two_steps(step, tmp_path):
    """Kill -9 after each: whoever comes back, the person or the system by itself, it is done once, with one signature."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((*sys.path, str(TESTS)))}
    program = [sys.executable, "-m", "cases.signing_program", str(tmp_path), step]
    dead = await asyncio.to_thread(subprocess.run, program, cwd=TESTS, env=environment, capture_output=True)
    assert dead.returncode == -signal.SIGKILL, dead.stderr.decode()
    brought = json.loads((tmp_path / "brought").read_text())
    world = world_of(tmp_path)
    world.open_system()
    try:
        case, state, code = brought["case"], brought["state"], brought["code"]
        if step == "redeemed":  # nobody has the token, nothing was signed: she signs anew
            await refused("signature_refused", world.cases.finish_signature(state, code, MARI))
            assert await sent(world, case) == (0, ())
            _, state, code = await asked(world, case=case, key="the-form")
            await world.cases.finish_signature(state, code, MARI)
        elif step in ("token", "kept"):
            world.later(minutes=1)
            assert await world.cases._signing.resume_once() == 1
        again = await world.cases.finish_signature(state, code, MARI)
        count, signed = await sent(world, case)
        assert (again.action, count, len(signed)) == ("SEND", 1, 1)
        _, container = await world.cases.signed(case, signed[0].id, MARI)
        assert container in world.pen.made.values() and len(world.pen.made) == 1
        assert verify_signed_document(container, named=SIGNERS).person == MARI.person
        assert await world.cases._signing.resume_once() == 0
    finally:
        world.cases._parts.store.engine.dispose()
