"""An order is interrupted at every step, the server starts anew, and goes on: one key, one certificate, nothing left over."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ordering_world import CA, DUE_NOW, OrderingWorld, client
from world import Site

from sild.acme_client.ordering import Ordering
from sild.acme_client.protocol import AcmeConnection
from sild.acme_client.store import RenewalRow, Store
from sild.security_server import SecurityServer
from sild.signer import KeyUsage

STEPS: dict[str, tuple[type, str, bool]] = {
    "written down": (Store, "add_order", True),
    "key made": (Ordering, "_with_key", True),
    "key made, not written down": (Store, "update_order", False),
    "request made": (Ordering, "_with_request", True),
    "account opened": (AcmeConnection, "open_account", True),
    "order made": (AcmeConnection, "begin_order", True),
    "name proven, certificate issued": (AcmeConnection, "finish_order", True),
    "imported": (Store, "finish_order", False),
}


class Ended(Exception):
    """The process ends here: nothing that comes after happens, clean-up included."""


def end_at(monkeypatch: pytest.MonkeyPatch, step: str) -> threading.Event:
    """Let nothing happen after (or, where it says so, instead of) a step."""
    kind, name, after = STEPS[step]
    original: Callable[..., Any] = getattr(kind, name)
    ended = threading.Event()

    if asyncio.iscoroutinefunction(original):

        async def ending(*arguments: Any, **named: Any) -> Any:
            await original(*arguments, **named)
            ended.set()
            raise Ended
    else:

        def ending(*arguments: Any, **named: Any) -> Any:
            if after:
                original(*arguments, **named)
            ended.set()
            raise Ended

    monkeypatch.setattr(kind, name, ending)
    return ended


async def again(site: Site) -> SecurityServer:
    """The same server from its directory, as a new process has it."""
    await site.server.stop(0.5)
    site.server = SecurityServer(site.server.settings)
    await site.server.start()
    return site.server


@pytest.mark.parametrize("step", STEPS)
async def test_interrupted(it: OrderingWorld, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    site = await it.add_server("ss1", "1")
    keys, certificates = len(site.server.token.public_keys), len(site.server.signer.keyring.certificates())
    with monkeypatch.context() as patch:
        ended = end_at(patch, step)
        with pytest.raises(Ended):
            await client(site).ordering.order(CA, KeyUsage.SIGNING, site.owner)
        assert ended.is_set()
    server = await again(site)
    ordering = client(site).ordering
    (waiting,) = await ordering.pending()
    await ordering.resume()  # too early: it might be another process's
    assert len(await ordering.pending()) == 1
    now = server._clock
    ordering = Ordering(replace(ordering._wiring, clock=lambda: now() + timedelta(seconds=60)))
    await ordering.resume()
    assert await ordering.pending() == ()
    assert len(server.token.public_keys) == keys + 1
    infos = server.signer.keyring.certificates()
    assert len(infos) == certificates + 1
    assert infos[-1].usage is KeyUsage.SIGNING and waiting.usage is KeyUsage.SIGNING
    assert server.signer.keyring.requests() == ()
    assert it.issued() == 4  # the authority's own three, and this one


async def test_the_authority_loses_an_order(it: OrderingWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """It expired while the server was off: a new order, with the same key."""
    site = await it.add_server("ss1", "1")
    with monkeypatch.context() as patch:
        end_at(patch, "order made")
        with pytest.raises(Ended):
            await client(site).ordering.order(CA, KeyUsage.SIGNING, site.owner)
    (waiting,) = await client(site).ordering.pending()
    url = f"{it.authority.url}/acme/order/unknown"
    client(site)._store.update_order(waiting.id, order_url=url)
    client(site)._store.release_order(waiting.id)
    await client(site).ordering.resume()
    assert await client(site).ordering.pending() == ()
    assert site.server.signer.keyring.certificates()[-1].key_id == waiting.key_id


async def test_a_renewal_is_interrupted(it: OrderingWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every step, the server begun anew each time: one certificate comes in the old one's place, by one key."""
    site = await it.add_server("ss1", "1", acme={"renewal": True, "renewal_interval": 3600.0})
    it.validity(DUE_NOW)
    old = await client(site).ordering.order(CA, KeyUsage.SIGNING, site.owner, activate=True)
    it.validity(timedelta(days=365))
    keys = len(site.server.token.public_keys)
    for step in STEPS:
        with monkeypatch.context() as patch:
            end_at(patch, step)
            with pytest.raises(Ended):
                await client(site).renewal._renew(old, RenewalRow(old.sha1))
        for order in await client(site).ordering.pending():
            client(site)._store.release_order(order.id)
    server = await again(site)
    async with asyncio.timeout(10):
        while await client(site).ordering.pending():
            await asyncio.sleep(0.05)
    new = server.signer.keyring.certificates()[-1]
    assert client(site)._store.renewals()[old.sha1].renewed_by == new.sha1 != old.sha1
    assert len(server.token.public_keys) == keys + 1
    assert it.issued() == 5
