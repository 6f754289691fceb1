"""Ask about many people at once: families of everybody in the list, over a few connections.

    sild demo
    python examples/ask_many.py .sild/nation.json

Prints a line for each person; one who cannot be asked about now does not hold up the others.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from sild.adapter import AUTOMATIC, AsyncXRoadClient, CallContext, ClientId, PlatformError, ServiceId


class Desk:
    def __init__(self, xroad: AsyncXRoadClient, persons: ServiceId) -> None:
        self._xroad = xroad
        self._persons = persons

    async def family(self, code: str) -> str:
        """The person and the children, asked for side by side."""
        try:
            person, children = await asyncio.gather(self._ask(code), self._ask(code, "children"))
        except PlatformError as error:
            return f"{code}: {error}"
        return f"{person['full_name']}: {len(children['items'])} children"

    async def _ask(self, *path: str) -> dict[str, Any]:
        answer = await self._xroad.get(self._persons, ["persons", *path])
        found: dict[str, Any] = answer.ensure_success().json()
        return found


async def main(nation: dict[str, Any]) -> None:
    provider, _, service_code = nation["services"][0]["id"].rpartition(":")
    persons = ServiceId(ClientId.parse(provider), service_code)
    we = ClientId.decode(nation["example"]["client"])
    security_server = nation["security_servers"][1]["addresses"]["client_http"]
    codes = [person["code"] for person in nation["test_people"]] * 10
    context = CallContext(user_id=AUTOMATIC, issue="nightly run", legal_ground="Health Insurance Act § 11")
    async with AsyncXRoadClient(security_server, we, context=context, max_connections=8) as xroad:
        desk = Desk(xroad, persons)
        for line in await asyncio.gather(*(desk.family(code) for code in codes)):
            print(line)


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
