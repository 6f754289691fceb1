"""A real insurance register behind a portal, asked as a security server would: who asks in X-Road's headers, who acts in a token."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

from sild.cases import ExchangeAnswer
from sild.clock import Clock
from sild.errors import CallerError, Unavailable
from sild.registries import InsuranceRegister, insurance_app
from sild.registries.kernel import Usage
from sild.registries.kernel.proving import published_keys
from sild.registries.sources import PersonTold
from support.asgi import Site, serving
from support.portal_cases import ExchangeDouble

PORTAL = "SILD/GOV/70000001/portal"
SYSTEM = Usage(
    "SILD/GOV/70000003/insurance", "message-0", user_id="automatic", issue="case-1", basis="RaKS 5"
)


@dataclass
class BehindPortal(ExchangeDouble):
    """site: of the register; None: it is down.  As ExchangeDouble of all others."""

    site: Site | None = None

    async def call(self, service: str, method: str, path: str, **said: Any) -> ExchangeAnswer:
        if not service.endswith("insurance"):
            return await super().call(service, method, path, **said)
        self.calls.append((service, method, path, said.get("body")))
        if self.site is None:
            raise Unavailable("down", code="network_error")
        headers = {
            "X-Road-Client": PORTAL,
            "X-Road-Id": said.get("message_id") or str(uuid4()),
            "X-Road-UserId": said["acting"],
            "X-Road-Issue": said["case"],
            "X-Road-Represented-Party": said.get("represented"),
            "Sild-Legal-Basis": said["basis"],
            "Sild-Acting": said.get("proof"),
            "Content-Type": "application/json",
        }
        body = None if said.get("body") is None else json.dumps(said["body"]).encode()
        sent = {name: value for name, value in headers.items() if value is not None}
        answer = await asyncio.to_thread(self.site.request, method, path, body=body, headers=sent)
        if answer.status >= 400:
            code = str(answer.json()["type"]).rpartition(":")[2]
            raise CallerError("refused", code=code, status=answer.status)
        if answer.body and answer.headers["Content-Type"] == "application/json":
            return ExchangeAnswer(answer.status, answer.json(), sent["X-Road-Id"])
        return ExchangeAnswer(answer.status, None, sent["X-Road-Id"], answer.body)


@contextmanager
def insurance(
    directory: Path, *, portal: str, issuer: str, clock: Clock
) -> Iterator[tuple[InsuranceRegister, Site]]:
    """portal: its address.  issuer: of the identity provider, whose word the register takes."""
    register = InsuranceRegister.open(
        directory, people=0, issuer=f"{portal}/papers/insurance-card", clock=clock
    )
    register.kernel.take_word_of(issuer, published_keys(f"{issuer}/jwks"))
    try:
        with serving(insurance_app(register)) as site:
            yield register, site
    finally:
        register.close()


def give_card(register: InsuranceRegister, code: str, born: date, names: tuple[str, str]) -> None:
    told = PersonTold(code, "EE", "F", *names, born, None, None, None, "population", "message-0")
    with register.kernel.used("issueCard", SYSTEM) as use:
        use.concerns(code)
        register._cards._give(use, told, None)
