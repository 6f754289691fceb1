"""Servers that do not allow federation, or one partner only (UG-SS 18, `allowed-federations`)."""

from __future__ import annotations

from pathlib import Path

from federation.federated_nations import Federation
from sild.http1 import Fetched


def error_of(answer: Fetched) -> str:
    return (answer.header(b"x-road-error") or b"").decode()


async def test_a_client_that_allows_none_knows_no_partner(tmp_path: Path) -> None:
    """FI allows EE, EE nobody: EE's desk finds no provider, and EE's servers do not recognise FI's."""
    async with Federation(tmp_path, ee="none", fi=("ee",)) as federation:
        await federation.trust_one_another()
        ee, fi = federation.ee, federation.fi
        assert error_of(await federation.call(ee, fi)) == "server.clientproxy.unknown_member"
        refused = error_of(await federation.call(fi, ee))
        assert refused == "server.serverproxy.service_failed.ssl_authentication_failed"
        assert (await federation.call(ee, ee)).status == 200
        assert (await federation.call(fi, fi)).status == 200


async def test_a_client_that_allows_somebody_else(tmp_path: Path) -> None:
    async with Federation(tmp_path, ee=("SE", "LV"), fi="all") as federation:
        await federation.trust_one_another()
        answer = await federation.call(federation.ee, federation.fi)
        assert error_of(answer) == "server.clientproxy.unknown_member"
