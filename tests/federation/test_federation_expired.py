"""The partner's configuration expires: its members become unknown, our own instance goes on (WIRE 13.3 (5))."""

from __future__ import annotations

from pathlib import Path

from federation.federated_nations import Federation
from sild.http1 import Fetched


def error_of(answer: Fetched) -> str:
    return (answer.header(b"x-road-error") or b"").decode()


async def test_the_providers_instance_has_expired(tmp_path: Path) -> None:
    """FI's central server has stood still for eleven minutes when EE's clock says so; then it publishes again."""
    async with Federation(tmp_path) as federation:
        await federation.trust_one_another()
        ee, fi = federation.ee, federation.fi
        assert (await federation.call(ee, fi)).status == 200
        ee.clock.put_forward(minutes=11)
        await ee.publish()
        await ee.follow()
        assert error_of(await federation.call(ee, fi)) == "server.clientproxy.unknown_member"
        assert (await federation.call(ee, ee)).status == 200
        assert (await federation.call(fi, fi)).status == 200, "FI itself has not noticed anything"
        fi.clock.put_forward(minutes=11)
        await fi.publish()
        await ee.follow()
        await fi.follow()
        assert (await federation.call(ee, fi)).status == 200


async def test_the_clients_instance_has_expired_for_the_provider(tmp_path: Path) -> None:
    """FI's servers no longer know whom EE's certificates belong to."""
    async with Federation(tmp_path) as federation:
        await federation.trust_one_another()
        ee, fi = federation.ee, federation.fi
        fi.clock.put_forward(minutes=11)
        await fi.publish()
        await fi.follow()
        refused = error_of(await federation.call(ee, fi))
        assert refused == "server.serverproxy.service_failed.ssl_authentication_failed"
        assert (await federation.call(fi, fi)).status == 200
