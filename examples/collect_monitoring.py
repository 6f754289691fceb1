"""Collect the operational data and the health of a security server, as monitoring collectors of X-Road do.

    python examples/collect_monitoring.py http://127.0.0.1:8080 DEV/COM/1/Monitoring DEV/COM/2/ss2 state.json

Asks through a security server of ours, in the name of the client, about the server whose identifier is given. Each record becomes a
line of JSON on standard output. How far it has got stands in the state file: run again, it goes on there and misses nothing. Needs
the standard library only. The newest minute is left for the next run, since servers hold it back; a last argument makes it another
number of seconds.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

OM = "http://x-road.eu/xsd/op-monitoring.xsd"
ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xroad="http://x-road.eu/xsd/xroad.xsd"
 xmlns:id="http://x-road.eu/xsd/identifiers" xmlns:om="{om}"><SOAP-ENV:Header>{client}{service}{server}
<xroad:id>{query}</xroad:id><xroad:protocolVersion>4.0</xroad:protocolVersion></SOAP-ENV:Header>
<SOAP-ENV:Body><om:{code}>{criteria}</om:{code}></SOAP-ENV:Body></SOAP-ENV:Envelope>"""
NAMES = ("xRoadInstance", "memberClass", "memberCode")


def header(tag: str, kind: str, parts: list[str], *last: tuple[str, str]) -> str:
    pairs = [*zip(NAMES, parts, strict=False), *last]
    inner = "".join(f"<id:{name}>{escape(value)}</id:{name}>" for name, value in pairs)
    return f'<xroad:{tag} id:objectType="{kind}">{inner}</xroad:{tag}>'


def ask(url: str, client: list[str], server: list[str], code: str, criteria: str = "") -> tuple[str, bytes]:
    """Content type and body of the answer."""
    subsystem = [("subsystemCode", client[3])] if len(client) == 4 else []
    request = ENVELOPE.format(
        om=OM,
        client=header("client", "SUBSYSTEM" if subsystem else "MEMBER", client[:3], *subsystem),
        service=header("service", "SERVICE", server[:3], ("serviceCode", code)),
        server=header("securityServer", "SERVER", server[:3], ("serverCode", server[3])),
        query=uuid.uuid4(),
        code=code,
        criteria=criteria,
    )
    asked = urllib.request.Request(url, request.encode(), {"Content-Type": "text/xml; charset=UTF-8"})  # noqa: S310
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 - the address is the user's
        body: bytes = answer.read()
        if b"faultstring" in body[:4000] and b":Fault" in body[:4000]:
            raise SystemExit(f"{code}: {body.decode(errors='replace')}")
        return answer.headers["Content-Type"], body


def operational_data(
    url: str, client: list[str], server: list[str], first: int, last: int
) -> tuple[list[dict[str, Any]], int]:
    """Records of the seconds `first` to `last`, or as many as the server gives at once, and where to go on."""
    criteria = (
        f"<om:searchCriteria><om:recordsFrom>{first}</om:recordsFrom>"
        f"<om:recordsTo>{last}</om:recordsTo></om:searchCriteria>"
    )
    content_type, body = ask(url, client, server, "getSecurityServerOperationalData", criteria)
    boundary = content_type.rpartition("boundary=")[2].strip('"').encode()
    _, soap, attachment, _ = body.split(b"--" + boundary)
    records = json.loads(gzip.decompress(attachment.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")))[
        "records"
    ]
    found = re.search(rb"<om:nextRecordsFrom>(\d+)</om:nextRecordsFrom>", soap)
    return records, int(found.group(1)) if found else last + 1


def main(url: str, client: str, server: str, state: Path, newest: int = 60) -> None:
    we, about = client.split("/"), server.split("/")
    first = json.loads(state.read_text())["next"] if state.exists() else 0
    last = int(time.time()) - newest - 1
    while first <= last:
        records, first = operational_data(url, we, about, first, last)
        for record in records:
            print(json.dumps(record, ensure_ascii=False))
        sys.stdout.flush()
        state.write_text(json.dumps({"next": first}))
    _, health = ask(url, we, about, "getSecurityServerHealthData")
    for one in re.findall(rb"<om:serviceEvents>.*?</om:serviceEvents>", health, re.DOTALL):
        name = re.search(rb"<id:serviceCode>(.*?)</id:serviceCode>", one)
        good = re.search(rb"<om:successfulRequestCount>(\d+)<", one)
        bad = re.search(rb"<om:unsuccessfulRequestCount>(\d+)<", one)
        if name and good and bad:
            told = f"{name.group(1).decode()}: {good.group(1).decode()} good, {bad.group(1).decode()} bad"
            print(told, file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6):
        raise SystemExit(__doc__)
    main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]), *map(int, sys.argv[5:]))
