"""The identity provider as the keeper of mandates, asked over its interface for information systems (Pääsuke's services).

Whether one stands is asked at the moment somebody acts on it; what people give and withdraw goes straight there, and nothing of
it is kept here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote, quote_plus

from sild.cases import Actor, is_company
from sild.errors import CallerError, PeerError, TrustError, Unavailable
from sild.http1 import fetch
from sild.openid import AuditScope, parse_audit_scope
from sild.portal.settings import PortalSettings

__all__ = ["AuditMandate", "GivenMandate", "MandateKeeper", "MandateKind", "MandateRefused"]

ANSWER_SECONDS = 10.0
MAX_ANSWER = 256 * 1024


class MandateRefused(CallerError):
    """The keeper says no: to whom, what, or by whom the mandate is to be given."""

    code = "mandate_refused"


@dataclass(frozen=True, slots=True)
class GivenMandate:
    """giver, holder: name and code.  basis: `POWER_OF_ATTORNEY`, `PARENT`, `GUARDIAN`, `BOARD`.  withdraw: where it is ended,
    of those that people give one another.  parent: the mandate it was passed on from.  depth: how many further times it may be.
    pass_on: where, if it may."""

    id: str
    giver: tuple[str, str]
    holder: tuple[str, str]
    role: str
    basis: str
    valid_from: date
    valid_through: date | None
    withdraw: str | None
    parent: str | None = None
    depth: int = 0
    pass_on: str | None = None


@dataclass(frozen=True, slots=True)
class MandateKind:
    """What people may give one another. title: by language.  may_pass_on: whether its holders may be allowed to."""

    title: Mapping[str, str]
    may_pass_on: bool


@dataclass(frozen=True, slots=True)
class AuditMandate:
    """body: that supervises, by name.  through: the last day, if there is one."""

    id: str
    body: str
    scope: AuditScope
    through: date | None


class MandateKeeper:
    def __init__(self, settings: PortalSettings) -> None:
        self._issuer = settings.issuer
        secret = settings.client_secret.get_secret_value()
        pair = f"{quote_plus(settings.client_id)}:{quote_plus(secret)}"
        self._authorization = b"Basic " + base64.b64encode(pair.encode())
        self._tls = settings.issuer_tls()

    async def stands(self, actor: Actor) -> bool:
        """`sild.cases.MandateCheck`. actor: with countries in its codes. Raises Unavailable (`identity_provider_down`)."""
        if actor.representee is None or actor.mandate_id is None:
            return False
        path = f"/v1/representees/{_part(actor.representee)}/delegates/{_part(actor.person)}/mandates"
        return any(one.id == actor.mandate_id for one in _mandates(await self._get(path)))

    async def given_by(self, person: str) -> list[GivenMandate]:
        """Raises Unavailable."""
        return _mandates(await self._get(f"/v1/representees/{_part(person)}/delegates/mandates"))

    async def held_by(self, person: str) -> list[GivenMandate]:
        """By law, too. Raises Unavailable."""
        return _mandates(await self._get(f"/v1/delegates/{_part(person)}/representees/mandates"))

    async def appointments(self, person: str) -> list[AuditMandate]:
        """What an auditor may look at now; a mandate that cannot be read lets nobody look. Raises Unavailable."""
        found = await self._get(f"/v1/delegates/{_part(person)}/appointments")
        try:
            return [
                AuditMandate(
                    str(one["id"]),
                    _named(one["body"])[0],
                    parse_audit_scope(one["scope"]),
                    _day(one["validityPeriod"]["through"]),
                )
                for one in found
            ]
        except (KeyError, TypeError, ValueError, AttributeError, CallerError) as error:
            raise Unavailable(
                "the keeper of mandates answers nonsense", code="identity_provider_down"
            ) from error

    async def roles(self) -> Mapping[str, MandateKind]:
        """What can be given, by code. Raises Unavailable."""
        found = [one for one in await self._get("/v1/roles") if isinstance(one, dict)]
        return {
            str(one["code"]): MandateKind(dict(one["title"]), one.get("canSubDelegate") is True)
            for one in found
        }

    async def give(
        self,
        representee: tuple[str, str, str],
        delegate: tuple[str, str, str],
        role: str,
        *,
        actor: str,
        through: date | None,
        depth: int = 0,
    ) -> None:
        """representee, delegate: code, given name, family name; of a company the code and its whole name.  through: the last day.  depth: how many times it may be passed on.

        Raises MandateRefused, Unavailable."""
        namespace = role.partition(":")[0]
        period = {"from": None, "through": through.isoformat() if through else None}
        body = {
            "representee": _party(*representee),
            "delegate": _person(*delegate),
            "mandate": {"role": role, "validityPeriod": period, "subDelegationDepth": depth},
            "authorizations": [{"userIdentifier": actor}],
        }
        path = f"/v1/nss/{_part(namespace)}/representees/{_part(representee[0])}/delegates/{_part(delegate[0])}/mandates"
        await self._change("POST", path, body)

    async def pass_on(
        self,
        mandate: GivenMandate,
        delegate: tuple[str, str, str],
        *,
        actor: str,
        through: date | None,
        depth: int,
    ) -> None:
        """By its holder. through: None: as long as the mandate itself. Raises MandateRefused, Unavailable."""
        if mandate.pass_on is None:
            raise MandateRefused("this mandate may not be passed on")
        body = {
            "subDelegate": _person(*delegate),
            "validityPeriod": {"from": None, "through": through.isoformat() if through else None},
            "subDelegationDepth": depth,
            "authorizations": [{"userIdentifier": actor}],
        }
        await self._change("POST", mandate.pass_on, body)

    async def withdraw(self, mandate: GivenMandate, *, actor: str) -> None:
        """With everything passed on from it, at once. Raises MandateRefused, Unavailable."""
        if mandate.withdraw is None:
            raise MandateRefused("a right by law is not withdrawn here")
        body = {"action": "DELETE", "authorizations": [{"userIdentifier": actor}]}
        await self._change("PUT", mandate.withdraw, body)

    async def _get(self, path: str) -> list[Any]:  # JSON
        status, content = await self._call("GET", path)
        if status != 200 or not isinstance(content, list):
            raise Unavailable(f"the keeper of mandates answered {status}", code="identity_provider_down")
        return content

    async def _change(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        status, content = await self._call(method, path, json.dumps(body).encode())
        if status >= 500:
            raise Unavailable(f"the keeper of mandates answered {status}", code="identity_provider_down")
        if status >= 400:
            said = content if isinstance(content, dict) else {}
            raise MandateRefused(str(said.get("error_description") or said.get("message") or status))

    async def _call(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        headers = [(b"Accept", b"application/json"), (b"Authorization", self._authorization)]
        if body is not None:
            headers.append((b"Content-Type", b"application/json"))
        try:
            answer = await fetch(
                self._issuer + path,
                method=method,
                body=body,
                headers=headers,
                timeout=ANSWER_SECONDS,
                max_bytes=MAX_ANSWER,
                tls=self._tls,
            )
            content = json.loads(answer.body) if answer.body else None
        except (Unavailable, PeerError, TrustError, ValueError, RecursionError) as error:
            raise Unavailable(
                "the identity provider does not answer", code="identity_provider_down"
            ) from error
        return answer.status, content


def _part(text: str) -> str:
    return quote(text, safe="")


def _party(code: str, name: str, family_name: str) -> dict[str, str]:
    if is_company(code):
        return {"type": "LEGAL_PERSON", "identifier": code, "legalName": name}
    return _person(code, name, family_name)


def _person(code: str, given_name: str, family_name: str) -> dict[str, str]:
    return {"type": "NATURAL_PERSON", "identifier": code, "firstName": given_name, "surname": family_name}


def _mandates(triplets: list[Any]) -> list[GivenMandate]:  # JSON
    """Raises Unavailable: nonsense."""
    try:
        return [
            GivenMandate(
                id=str(one["id"]),
                giver=_named(triplet["representee"]),
                holder=_named(triplet["delegate"]),
                role=str(one["role"]),
                basis=str(one["basis"]),
                valid_from=date.fromisoformat(one["validityPeriod"]["from"]),
                valid_through=_day(one["validityPeriod"]["through"]),
                withdraw=one["links"].get("delete"),
                parent=one.get("parent"),
                depth=int(one.get("subDelegationDepth", 0)),
                pass_on=one["links"].get("addSubDelegate"),
            )
            for triplet in triplets
            for one in triplet["mandates"]
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unavailable("the keeper of mandates answers nonsense", code="identity_provider_down") from error


def _named(party: Mapping[str, str | None]) -> tuple[str, str]:
    name = party.get("legalName") or f"{party.get('firstName') or ''} {party.get('surname') or ''}".strip()
    return name or str(party["identifier"]), str(party["identifier"])


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
