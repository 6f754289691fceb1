"""Files of people in cases: theirs and the office's, kept with the action, gone when nobody sends them; on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from dataclasses import replace

import pytest
from sqlalchemy import delete
from sqlalchemy.exc import DBAPIError

from sild.cases import Refused
from sild.cases.files import MOST_UNSENT, PART, CaseFiles, plain_name
from sild.cases.media import PDF as PDF_TYPE
from sild.cases.tables import file_parts
from support.pictures import GPS, PDF, jpeg

from .world import CLERK, GIVEN, JUHAN, MARI, OFFICIAL, SHOWN, STRANGER


async def add(world, case, content=PDF, actor=MARI, name="drawing.pdf", field="drawing"):
    with tempfile.TemporaryFile() as sent:
        sent.write(content)
        sent.seek(0)
        return await world.cases.add_file(case, "permit.form", field, actor, sent, name)


async def read(world, case, file, actor=MARI):
    return b"".join([part async for part in await world.cases.read_file(case, file, actor)])


async def refused(doing) -> Refused:
    with pytest.raises(Refused) as caught:
        await doing
    return caught.value


async def test_sent_returned_mended_and_sent_again(any_world):
    world = any_world
    case = await world.open()
    content = PDF[:-7] + b"x" * (2 * PART) + b"\n%%EOF\n"
    file = await add(world, case, content)
    assert (file.media_type, file.size, file.sha256) == (
        PDF_TYPE,
        len(content),
        hashlib.sha256(content).hexdigest(),
    )
    assert (await refused(read(world, case, file.id, OFFICIAL))).code == "not_found", (
        "a draft is nobody's but hers"
    )
    await world.act(case, "SEND", MARI, {**GIVEN, "drawing": [file.id]})
    said = world.cases._parts.read(case).given("SEND")["drawing"]
    assert said == {
        "id": file.id,
        "name": "drawing.pdf",
        "media_type": PDF_TYPE,
        "size": len(content),
        "sha256": file.sha256,
    }
    for actor in (MARI, OFFICIAL):
        assert await read(world, case, file.id, actor) == content
    seen = await world.cases.seen(case, 2, OFFICIAL)
    assert seen.files[file.id].name == "drawing.pdf"
    await world.act(case, "RETURN", OFFICIAL, {"defects": ["size"]})
    await world.act(case, "SEND", MARI, {**GIVEN, "drawing": [file.id]})
    assert await read(world, case, file.id, OFFICIAL) == content
    with pytest.raises(DBAPIError), world.cases._parts.store.engine.begin() as connection:
        connection.execute(delete(file_parts))


async def test_nobody_elses(world):
    case, other = await world.open(), await world.open()
    file = await add(world, case)
    await world.act(case, "SEND", MARI, {**GIVEN, "drawing": [file.id]})
    for actor, where, code in (
        (STRANGER, case, "not_yours"),
        (JUHAN, case, "not_found"),  # the other owner of the very case
        (MARI, other, "not_found"),
        (replace(OFFICIAL, authority="permit@0784"), case, "not_yours"),
    ):
        assert (await refused(read(world, where, file.id, actor))).code == code
    for made_up in ("", "x" * 300, "../../etc/passwd", "'; DROP TABLE case_files; --"):
        assert (await refused(read(world, case, made_up))).code == "not_found"


async def test_anothers_file_is_no_answer(world):
    case, other = await world.open(), await world.open()
    hers, elsewhere = await add(world, case), await add(world, other)
    for actor, named in ((JUHAN, hers.id), (MARI, elsewhere.id), (MARI, "made-up")):
        error = await refused(world.act(case, "SEND", actor, {**GIVEN, "drawing": [named]}))
        assert [(one.field, one.reason) for one in error.defects] == [("drawing", "file_gone")]
    assert (await refused(add(world, case, actor=STRANGER))).code == "not_yours"
    assert (await refused(add(world, case, field="colour"))).code == "not_yours"


@pytest.mark.parametrize("content", [b"PK\x03\x04" + PDF, b"<script>", b"", PDF[:-10]])
async def test_not_what_its_name_says(world, content):
    case = await world.open()
    error = await refused(add(world, case, content))
    assert [(one.field, one.reason) for one in error.defects] == [("drawing", "file_type")]


async def test_a_photograph_is_kept_without_its_place(world):
    case = await world.open()
    file = await add(world, case, jpeg(), name="C:\\Users\\mari\\..\\IMG_0001.pdf")
    content = await read(world, case, file.id)
    assert file.name == "IMG_0001.jpg" and GPS not in content
    assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())


async def test_the_next_one_takes_its_place_and_the_same_again_is_the_same(world):
    case = await world.open()
    first, again = await add(world, case), await add(world, case)
    assert first.id == again.id
    second = await add(world, case, PDF + b"\n%%EOF\n")
    assert (await refused(read(world, case, first.id))).code == "not_found"
    error = await refused(world.act(case, "SEND", MARI, {**GIVEN, "drawing": [first.id]}))
    assert error.defects[0].reason == "file_gone"
    await world.cases.remove_file(case, "permit.form", "drawing", MARI)
    assert (await refused(read(world, case, second.id))).code == "not_found"


async def test_one_form_sent_twice_with_its_file(world):
    case = await world.open()
    answers = []
    for _ in range(2):
        if not answers:
            file = await add(world, case)
        answers.append(
            await world.cases.act(case, "SEND", MARI, {**GIVEN, "drawing": [file.id]}, key="f" * 40)
        )
    assert [answer.again for answer in answers] == [False, True]
    assert (await refused(add(world, case))).code == "already_done", "the screen takes nothing any more"


async def test_what_nobody_sends_goes(world):
    case, sent = await world.open(), await world.open()
    draft, stays = await add(world, case), await add(world, sent)
    await world.act(sent, "SEND", MARI, {**GIVEN, "drawing": [stays.id]})
    files = world.cases._parts.files
    assert files.expire(world.now) == 0
    world.later(days=15)
    assert files.expire(world.now) == 1
    assert (await refused(read(world, case, draft.id))).code == "not_found"
    assert await read(world, sent, stays.id) == PDF


async def test_nobody_fills_the_disk_with_drafts(world):
    for _ in range(MOST_UNSENT):
        last = await world.open()
        kept = await add(world, last)
    error = await refused(add(world, await world.open()))
    assert error.defects[0].reason == "too_many_files"
    assert (await add(world, last)).id == kept.id, "what is there already may be sent again"


async def test_nobody_fills_the_disk_with_large_drafts_not_even_at_once(any_world):
    """Of files that come side by side each counts the others; what was sent waits no more."""
    files = CaseFiles(any_world.cases._parts.store, waiting_bytes=3 * len(PDF))
    mari = any_world.cases.known(MARI)
    given = [await any_world.open() for _ in range(6)]

    def keep(case):
        with tempfile.TemporaryFile() as sent:
            sent.write(PDF)
            sent.seek(0)
            try:
                return files.add(case, "permit.form", "drawing", mari, sent, "a.pdf", any_world.now).id
            except Refused as error:
                return error.defects[0].reason

    came = await asyncio.gather(*(asyncio.to_thread(keep, case) for case in given))
    assert sorted(came).count("too_many_bytes") == 3, came
    case, file = next(
        (case, file) for case, file in zip(given, came, strict=True) if file != "too_many_bytes"
    )
    assert keep(case) == file, "the same again takes no more room"
    await any_world.act(case, "SEND", MARI, {**GIVEN, "drawing": [file]})
    left = next(case for case, file in zip(given, came, strict=True) if file == "too_many_bytes")
    assert keep(left) != "too_many_bytes"


async def test_a_clerk_adds_it_for_the_person(world):
    mandate = await world.cases.record_mandate(
        CLERK, MARI.person, "permit", "with her drawing", identified=SHOWN
    )
    helping = replace(CLERK, representee=MARI.person, mandate_id=mandate)
    case = await world.cases.begin_assisted(mandate, CLERK, None, key=world.key())
    file = await add(world, case, actor=helping)
    assert await read(world, case, file.id, MARI) == PDF, "it is hers"
    await world.act(case, "SEND", helping, {**GIVEN, "drawing": [file.id]})
    assert (await refused(read(world, case, file.id, helping))).code == "mandate_ended"
    assert (await refused(add(world, case, actor=helping))).code == "mandate_ended"


async def test_a_device_nobody_knows_adds_nothing(world):
    case = await world.sent()
    assert (
        await refused(add(world, case, actor=replace(OFFICIAL, posture="unmanaged")))
    ).code == "read_only_device"


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("üürileping.PDF", "üürileping.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie x.pdf"),
        ("\u202efdp.exe", "fdp.exe.pdf"),
        ("", "file.pdf"),
        ("...", "file.pdf"),
        ("x" * 500 + ".pdf", "x" * 100 + ".pdf"),
        ("<script>.html", "script.html.pdf"),
    ],
)
def test_a_name_is_only_a_name(name, plain):
    assert plain_name(name, PDF_TYPE) == plain
