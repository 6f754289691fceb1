"""Files in forms without a script: taken piece by piece, judged by their bytes, given back to whom they belong, and never shown."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator, Iterator

import pytest

from cases.permit import FORM
from sild.errors import CallerError
from sild.portal.uploads import Limits, Room, Upload, Waiting, read_multipart
from support.counter_world import CounterWorld, counter_world, multipart, send_form
from support.pictures import PDF, jpeg
from support.portal_world import JAAN, MARI, Page, PlainBrowser

LIMIT = 200_000
GOOD = {"do": "SEND", "f__colour": "red", "f__note": "by the lake"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CounterWorld]:
    with counter_world(tmp_path_factory.mktemp("files"), upload_bytes=LIMIT) as made:
        yield made


@pytest.fixture(scope="module")
def mari(world: CounterWorld) -> PlainBrowser:
    return world.citizen()


def form_of(world: CounterWorld, mari: PlainBrowser) -> tuple[str, Page]:
    """A new case, and its form."""
    page = mari.submit(mari.open("/services/permit"), "/services/permit/begin")
    assert page.path.endswith(f"/screens/{FORM.id}"), page.text
    return page.path, page


def drawing(content: bytes = PDF, name: str = "drawing.pdf") -> list[tuple[str, str, bytes]]:
    return [("u.drawing", name, content)]


def link_of(page: Page) -> str:
    return next(link for link in page.parsed.links if "/files/" in link)


def test_sent_and_given_back_to_whom_it_belongs(world: CounterWorld, mari: PlainBrowser) -> None:
    path, page = form_of(world, mari)
    assert 'enctype="multipart/form-data"' in page.text and "at most 200 kB" in page.text
    kept = send_form(mari, page, path, drawing(name="../../etc/mõõdud.pdf"), do="SAVE", f__colour="red")
    link = link_of(kept)
    assert ">mõõdud.pdf<" in kept.text and 'value="red"' in kept.text
    receipt = send_form(mari, kept, path, [], **GOOD)
    assert receipt.path.startswith("/receipts/")
    answer = mari.request("GET", link)
    assert answer.status == 200 and answer.text.encode() == PDF
    head = answer.headers
    assert (
        head["content-disposition"]
        == "attachment; filename=\"m__dud.pdf\"; filename*=UTF-8''m%C3%B5%C3%B5dud.pdf"
    )
    assert head["content-type"] == "application/pdf" and head["x-content-type-options"] == "nosniff"
    assert "sandbox" in head["content-security-policy"] and head["cache-control"] == "no-store"
    assert world.browser().request("GET", link).status == 303, "nobody is logged in"
    assert world.citizen(JAAN).request("GET", link).status == 404
    office = world.clerk()
    case = path.split("/")[2]
    assert link.rpartition("/")[2] in office.open(f"/desk/cases/{case}/seen/2?office=permit@0793").text
    assert office.request("GET", f"/desk{link}?office=permit@0793").text.encode() == PDF
    assert office.request("GET", f"/desk{link}?office=birth@0793").status == 404
    assert link.rpartition("/")[2] in mari.open(f"/cases/{case}/seen/2").text


def test_a_form_with_defects_keeps_the_file(world: CounterWorld, mari: PlainBrowser) -> None:
    path, page = form_of(world, mari)
    page = send_form(mari, page, path, drawing(), do="SEND", f__colour="red")
    assert page.status == 422 and "drawing.pdf" in page.text
    receipt = mari.submit(page, path, **GOOD)
    assert receipt.path.startswith("/receipts/")
    assert mari.request("GET", link_of(page)).status == 200


def test_the_very_form_again_is_one_action(world: CounterWorld, mari: PlainBrowser) -> None:
    path, page = form_of(world, mari)
    first, again = (send_form(mari, page, path, drawing(), **GOOD) for _ in range(2))
    assert first.path == again.path and first.path.startswith("/receipts/")
    over = mari.open(path)
    assert "This step is done" in over.text and path.rpartition("/screens")[0] in over.parsed.links


def test_another_file_of_that_name_is_another_form(world: CounterWorld, mari: PlainBrowser) -> None:
    """A page that a browser brought back whole: the receipt of the first file would say that the second one was taken."""
    path, page = form_of(world, mari)
    assert send_form(mari, page, path, drawing(), **GOOD).path.startswith("/receipts/")
    other = send_form(mari, page, path, drawing(jpeg()), **GOOD)
    assert (other.status, other.path) == (409, path) and "This step is done" in other.text


def test_taken_out_again(world: CounterWorld, mari: PlainBrowser) -> None:
    path, page = form_of(world, mari)
    page = send_form(mari, page, path, drawing(), do="SAVE")
    link = link_of(page)
    page = send_form(mari, page, path, [], do="SAVE", r__drawing="yes")
    assert "/files/" not in page.text and mari.request("GET", link).status == 404


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (drawing(b"PK\x03\x04" + bytes(1000), "bomb.pdf"), "no whole PDF"),
        (drawing(b"<html><script>alert(1)</script>", "page.pdf"), "no whole PDF"),
        (drawing(PDF[:-8]), "no whole PDF"),
        (drawing(b"", "empty.pdf"), "no whole PDF"),
        (drawing(PDF + bytes(LIMIT)), "too large"),
        ([*drawing(), *drawing(jpeg(), "second.jpg")], "One file goes here"),
    ],
    ids=["zip", "html", "cut", "empty", "large", "two"],
)
def test_what_is_not_taken_is_named_beside_its_field(
    world: CounterWorld, mari: PlainBrowser, files: list[tuple[str, str, bytes]], words: str
) -> None:
    path, page = form_of(world, mari)
    page = send_form(mari, page, path, files, **GOOD)
    assert page.status == 422 and words in page.text and 'href="#f-drawing"' in page.text
    assert "by the lake" in page.text, "what was written stays"


def test_an_empty_file_field_is_no_file(world: CounterWorld, mari: PlainBrowser) -> None:
    path, page = form_of(world, mari)
    assert send_form(mari, page, path, drawing(b"", ""), **GOOD).path.startswith("/receipts/")


@pytest.mark.parametrize(
    "what",
    ["cut off", "far too large", "no boundary", "a stray line", "a nameless part", "not UTF-8", "six files"],
)
def test_a_form_that_cannot_be_read_gets_a_page(world: CounterWorld, mari: PlainBrowser, what: str) -> None:
    path, page = form_of(world, mari)
    fields = {**page.form(path)["fields"], "do": "SEND"}
    body, headers = multipart(fields, drawing())
    match what:
        case "cut off":
            body = body[: len(body) // 2]
        case "far too large":
            body, headers = multipart(fields, drawing(bytes(10 * LIMIT)))
        case "no boundary":
            headers = {"Content-Type": "multipart/form-data"}
        case "a stray line":
            body = b"stray" + body
        case "a nameless part":
            body = body.replace(b' name="do"', b"")
        case "not UTF-8":
            body, headers = multipart({**fields, "f.note": "@@"}, [])
            body = body.replace(b"@@", b"\xff\xfe")
        case "six files":
            body, headers = multipart(fields, drawing() * 6)
    answer = mari.request("POST", path, body, headers)
    assert answer.status == (413 if what == "far too large" else 400) and "<h1>" in answer.text
    assert mari.open(path).status == 200


def test_a_form_with_files_from_elsewhere(world: CounterWorld, mari: PlainBrowser) -> None:
    path, page = form_of(world, mari)
    body, headers = multipart({**page.form(path)["fields"], "form_token": "forged", "do": "SEND"}, drawing())
    assert mari.request("POST", path, body, headers).status == 403
    body, headers = multipart(page.form(path)["fields"], drawing())
    assert mari.request("POST", "/services/permit/begin", body, headers).status == 400, "no files there"


def test_nobody_who_is_not_logged_in_leaves_a_file_and_what_they_wrote_is_kept(world: CounterWorld) -> None:
    mari = world.citizen()
    path, page = form_of(world, mari)
    world.clock.forward(hours=9)
    try:
        answer = send_form(mari, page, path, drawing(), **GOOD)
        assert answer.status == 401 and "What you filled in is kept" in answer.text
        mari.log_in()
        assert "by the lake" in mari.open(path).text and "/files/" not in mari.open(path).text
    finally:
        world.clock.forward(hours=-9)


async def test_memory_holds_a_piece_and_not_the_file() -> None:
    body, headers = multipart({"key": "k"}, [("u.file", "large.pdf", b"")])
    head, tail = body[:-30], body[-30:]
    at = body.index(b"application/x-anything\r\n\r\n") + len(b"application/x-anything\r\n\r\n")
    head, tail = body[:at], body[at:]

    async def stream() -> AsyncIterator[bytes]:
        yield head
        for _ in range(640):
            yield bytes(65_536)
        yield tail

    tracemalloc.start()
    limits = Limits(file_bytes=50_000_000, field_bytes=10_000, fields=10)
    fields, (upload,) = await read_multipart(
        headers["Content-Type"], stream(), limits, keep_files=True, seconds=60
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert upload.size == 640 * 65_536 and fields == {"key": ["k"]} and peak < 2_000_000
    upload.close()


async def test_forms_side_by_side_share_one_persons_room() -> None:
    """However many sessions they come from; others have their own, and what was taken in makes room."""
    body, headers = multipart({"key": "k"}, [("u.file", "large.pdf", bytes(60_000))])

    async def stream() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 10_000):
            yield body[at : at + 10_000]

    waiting = Waiting(100_000)
    limits = Limits(file_bytes=80_000, field_bytes=10_000, fields=10)

    async def send(person: str) -> Upload:
        _, (upload,) = await read_multipart(
            headers["Content-Type"],
            stream(),
            limits,
            keep_files=True,
            seconds=60,
            room=Room(waiting, person),
        )
        return upload

    first, second, other = await send("EE1"), await send("EE1"), await send("EE2")
    assert (first.is_too_much, second.is_too_much, other.is_too_much) == (False, True, False)
    assert second.content is None and first.content is not None
    for upload in (first, second, other, first):
        upload.close()
    again = await send("EE1")
    assert not again.is_too_much, "what was closed gave its room back, once"
    again.close()
    with pytest.raises(CallerError):
        await read_multipart(
            headers["Content-Type"],
            _cut(body),
            limits,
            keep_files=True,
            seconds=60,
            room=Room(waiting, "EE3"),
        )
    assert waiting.take("EE3", 100_000), "nor does one that breaks off keep any"


async def _cut(body: bytes) -> AsyncIterator[bytes]:
    yield body[: len(body) // 2]


def test_too_much_at_once_is_named_beside_its_field(world: CounterWorld, mari: PlainBrowser) -> None:
    path, page = form_of(world, mari)
    waiting, most = world.portal._waiting, world.portal.settings.upload_waiting_bytes
    assert waiting.take(MARI.subject, most - 10)
    page = send_form(mari, page, path, drawing(), **GOOD)
    assert page.status == 422 and "too large together" in page.text and "by the lake" in page.text
    waiting.give_back(MARI.subject, most - 10)
    assert send_form(mari, page, path, drawing(), **GOOD).path.startswith("/receipts/")


async def test_one_that_comes_too_slowly() -> None:
    async def stream() -> AsyncIterator[bytes]:
        import asyncio

        yield b"------sild7e2\r\n"
        await asyncio.sleep(10)

    limits = Limits(1_000, 1_000, 10)
    with pytest.raises(CallerError) as refused:
        await read_multipart(
            "multipart/form-data; boundary=----sild7e2", stream(), limits, keep_files=True, seconds=0.05
        )
    assert refused.value.code == "bad_form"
