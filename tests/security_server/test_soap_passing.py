"""The boundary of a message within a part of it, wherever the part is cut; long documents in their turn."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from soap_world import envelope

from sild.security_server.soap_passing import _holds, read_aside
from sild.xroad.soap import SoapMessage, parse_soap
from sild.xroad.soap_stream import SoapStreamReader, SoapStreamWriter
from sild.xroad.transport import BodyStart, TransportLimits

PIECES = st.sampled_from([b"--b0und", b"--", b"\r\n", b"\n", b" ", b"\t", b"x", b"-", b"b0und", b"\r"])


@given(st.lists(PIECES, max_size=8), st.lists(st.integers(0, 60), max_size=5))
def test_who_is_handed_the_message_finds_one_part(pieces: list[bytes], cuts: list[int]) -> None:
    content = b"".join(pieces)
    places = [0, *sorted(cut for cut in cuts if cut <= len(content)), len(content)]
    held = _holds([content[start:end] for start, end in pairwise(places)], "b0und")
    writer = SoapStreamWriter("b0und", with_attachments=True)
    whole = writer.part("text/xml", []) + b"<x/>" + writer.part("a/b", []) + content + writer.end()
    reader = SoapStreamReader("multipart/related; boundary=b0und", TransportLimits())
    try:
        events = [*reader.feed(whole), *reader.finish()]
        data = b"".join(getattr(event, "data", b"") for event in events[2:])
        one = sum(isinstance(event, BodyStart) for event in events) == 1 and data == content
    except Exception:
        one = False
    assert one or held, "what is not one part for the reader is never passed on"
    assert not held or b"--b0und" in content


async def test_a_long_document_leaves_others_their_turn() -> None:
    long = envelope(body="<row><a>some text</a></row>" * 800_000)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.005)
            turns += 1

    beside = asyncio.create_task(others())
    message = await read_aside(parse_soap, long)
    beside.cancel()
    assert isinstance(message, SoapMessage)
    assert turns > 5
