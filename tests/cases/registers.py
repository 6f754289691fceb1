"""A written double of the exchange: registers in a dictionary, down, slow or talking nonsense when told. Tested in test_double.py."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sild.cases import ExchangeAnswer
from sild.errors import CallerError, PeerError, Unavailable

REGISTERS = {
    "population": "GOV/70000002/population",
    "residence": "GOV/70000006/residence",
    "insurance": "GOV/70000003/insurance",
    "social": "GOV/70000004/social",
    "education": "GOV/70000005/education",
    "treasury": "GOV/70000007/treasury",
}


@dataclass
class Call:
    service: str
    method: str
    path: str
    body: Any
    case: str | None
    basis: str | None
    acting: str
    message_id: str
    represented: str | None = None
    proof: str | None = None
    applied: str | None = None
    office: str | None = None


@dataclass
class Registers:
    """answers: by (register, method, path without query): a JSON value, or a function of the call that gives one or raises.

    A message that comes again is answered as before, without a second effect, as registers do.
    """

    answers: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    trouble: dict[str, str] = field(default_factory=dict)  # register -> down, nonsense, slow, lost_answer
    effects: dict[str, Any] = field(default_factory=dict)  # message id -> what was answered

    def holds(self, **concepts: list[str]) -> None:
        for register, names in concepts.items():
            themes = [{"skos:notation": name} for name in names]
            dataset = {"@type": "dcat:Dataset", "dcat:theme": themes}
            self.answers[register, "GET", "/description"] = {"@graph": [dataset]}

    async def call(
        self,
        service,
        method,
        path,
        *,
        body=None,
        content_type="application/json",
        case,
        basis,
        acting,
        message_id,
        represented=None,
        proof=None,
        applied=None,
        office=None,
    ):
        name = next((name for name, address in REGISTERS.items() if address == service), service)
        call = Call(
            name,
            method,
            path,
            json.loads(json.dumps(body)),
            case,
            basis,
            acting,
            message_id,
            represented,
            proof,
            applied,
            office,
        )
        self.calls.append(call)
        trouble = self.trouble.get(name)
        if trouble == "down":
            raise Unavailable(f"{service} is down", code="network_error")
        if trouble == "slow":
            await asyncio.sleep(60)
        if trouble == "nonsense":
            raise PeerError("the body is not JSON", code="invalid_body")
        if method != "GET" and message_id in self.effects:
            return ExchangeAnswer(200, self.effects[message_id], message_id)
        found = self.answers.get((name, method, urlsplit(path).path))
        if found is None:
            raise CallerError("not found", code="unknown_person", status=404)
        answer = found(call) if callable(found) else found
        if method != "GET":
            self.effects[message_id] = answer
        if trouble == "lost_answer":
            raise Unavailable("the connection broke", code="network_error")
        return ExchangeAnswer(200, json.loads(json.dumps(answer)), message_id)

    def made(self, register: str, method: str) -> list[Call]:
        return [call for call in self.calls if (call.service, call.method) == (register, method)]
