"""Income in another country, declared at the country's social register as the tax board would."""

from __future__ import annotations

import json

from sild.http1 import fetch
from sild.nation import Nation

__all__ = ["worked_abroad"]


async def worked_abroad(nation: Nation, code: str) -> None:
    """code: of a parent; of the months that are looked at for a child born now."""
    url = f"http://127.0.0.1:{nation.ports.systems['social']}/persons/{code}/contributions"
    headers = [
        (b"X-Road-Client", b"SILD/GOV/70000004/social"),
        (b"X-Road-Id", f"abroad-{code}".encode()),
        (b"X-Road-UserId", b"automatic"),
        (b"Sild-Legal-Basis", b"PHS 39"),
        (b"Content-Type", b"application/json"),
    ]
    paid = {
        "payer": "FI1234",
        "first": "2026-01",
        "last": "2026-03",
        "amount": "2500.00",
        "currency": "EUR",
        "country": "FI",
    }
    answer = await fetch(url, method="POST", body=json.dumps(paid).encode(), headers=headers)
    assert answer.status == 204, answer.body
