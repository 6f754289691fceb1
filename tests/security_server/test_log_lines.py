"""What telemetry says of failures: whose fault, the code, the detail the other side was shown; nothing that was in a message."""

from __future__ import annotations

import json
import logging

import pytest
from faults import detail_of, error_of
from forger import BODY, Forger
from world import CLIENT, ECHO, REGISTER, Pair

from sild.telemetry import _JsonLines
from sild.xroad.identifiers import ServiceId

KINDS = ("CallerError", "PeerError", "TrustError", "Unavailable", "PeerFault")
SECRETS = ("38001085718", "hunter2", "Mari Maasikas", "bearer-token")


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    """The lines as a main would write them."""
    formatter = _JsonLines()
    found = []
    for record in caplog.records:
        if record.name.startswith("sild."):
            text = formatter.format(record)
            assert "\n" not in text
            assert text.isprintable(), ascii(text)
            found.append(json.loads(text))
    return found


async def test_failures_of_every_kind_say_whose_fault_and_keep_what_was_said(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="sild")
    conf = pair.provider.server.serverconf
    secret = {
        "path": "/people/38001085718?password=hunter2",
        "body": b"Mari Maasikas" * 10,
        "headers": [(b"Authorization", b"bearer-token"), (b"X-Road-UserId", b"EE38001085718")],
    }

    async def told(**changed: object) -> tuple[int, str]:
        caplog.clear()
        answer = await pair.call("POST", **(secret | changed))  # type: ignore[arg-type]
        detail = detail_of(answer)
        found = lines(caplog)
        about = [
            line for line in found if line.get("fault_detail") == detail or line.get("peer_detail") == detail
        ]
        assert about, "the detail that was shown stands in the log"
        assert all(line["fault"] in KINDS for line in about)
        text = json.dumps(found, ensure_ascii=False)
        assert not [word for word in SECRETS if word in text]
        return error_of(answer)

    assert (await told(client=None))[1].endswith("invalid_client_identifier")
    assert (await told(path="/38001085718{"))[1].endswith("bad_request")
    assert (await told(headers=[(b"X-Road-Security-Server", b"38001085718")]))[1].endswith("bad_request")
    assert (await told(service=ServiceId(REGISTER, "none")))[1].endswith("unknown_service")
    assert (await told(path="/../38001085718"))[1].endswith("access_denied")
    conf.update_service(ECHO, url="http://127.0.0.1:9/")
    assert (await told())[1].endswith("network_error")
    conf.revoke(ECHO, CLIENT)
    assert (await told())[1].endswith("access_denied")
    forger = Forger(pair.world, pair.consumer, pair.provider)
    parts = forger.message(body=b"Mari Maasikas")
    parts[2] = (BODY, b"Mari Maasikad")
    caplog.clear()
    await forger.fault(parts)
    assert not [word for word in SECRETS if word in json.dumps(lines(caplog))]


@pytest.mark.parametrize(
    "value",
    [b"a\x9b31mb", "a\u2028b".encode(), "a\u0085b".encode(), b'","level":"x', "\u202e".encode(), b"\xff"],
)
async def test_nothing_a_caller_says_breaks_a_line(
    pair: Pair, caplog: pytest.LogCaptureFixture, value: bytes
) -> None:
    """Terminals act on C1 control characters and line separators as on escapes and line feeds."""
    caplog.set_level(logging.DEBUG, logger="sild")
    await pair.call(headers=[(b"X-Road-Id", value), (b"X-Road-Security-Server", value)])
    await pair.call(service=ServiceId(REGISTER, "x" + value.decode("utf-8", "replace")))
    forger = Forger(pair.world, pair.consumer, pair.provider)
    connection = await forger.connect()
    await connection.request("POST", b"/", [(b"x-road-request-id", value), (b"x-proxy-version", value)], b"")
    connection.abort()
    assert lines(caplog)
