"""A server entered at the central server by hand has sent no management request; its owner is its client all the same."""

from __future__ import annotations

from world import Pair

from sild.security_server import ClientStatus


async def test_the_owner_becomes_a_client_once(pair: Pair) -> None:
    for side in (pair.consumer, pair.provider):
        server = side.server
        owner = server.server_id.owner
        await server.registration_follower.follow()
        await server.registration_follower.follow()
        assert server.serverconf.snapshot.clients[owner].status is ClientStatus.REGISTERED
        added = [row for row in server.serverconf.audit_rows() if row.event == "ADD_CLIENT"]
        assert len([row for row in added if owner.encode() in map(str, row.values.values())]) == 1
