"""Consent, where it is what a use of data rests on, and a receipt of it: ISO/IEC TS 27560:2023 in the words of the Data Privacy Vocabulary.

What the state does by law needs nobody's consent, and asks for none: of all that the portal does only wake-ups rest on it. Whoever turns
them on lets the push service that their browser names, which belongs to somebody else, know that there is news. Each device is a consent of
its own, with its recipient; withdrawn, its address is deleted in the same transaction.

The receipt is JSON-LD (`dpv:ConsentReceipt` with the whole `dpv:ConsentRecord`), and under `proof` the seal of the controller: a JWS
(RFC 7515, ES256) whose payload, left out, is the receipt without `proof` in canonical form (RFC 8785).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc import jws
from sqlalchemy import Connection, Row, insert, select, update
from starlette.responses import Response

from sild.catalogue import Profile
from sild.decisions import Sealer, canonical_json
from sild.errors import CallerError
from sild.openid import SigningKey
from sild.pki import der
from sild.portal.edge import redirect
from sild.portal.pages import Pages
from sild.portal.store import Store
from sild.portal.tables import consent, push_address
from sild.portal.visit import Visit

__all__ = ["ConsentPages", "Consents", "Controller", "Seal", "sealed_by_body", "sealed_by_key"]

TYPE = "sild-consent+jws"
GROUND = "consent"
PURPOSE = "wake_up"
Status = Literal["ConsentGiven", "ConsentWithdrawn", "ConsentExpired"]
"""Of DPV. Expired: the push service says that the device is gone."""
Seal = Callable[[bytes], str]
"""A payload -> JWS with detached content (RFC 7515, appendix F)."""
CONTEXT = {
    "dpv": "https://w3id.org/dpv#",
    "pd": "https://w3id.org/dpv/pd#",
    "loc": "https://w3id.org/dpv/loc#",
    "dct": "http://purl.org/dc/terms/",
    "schema": "https://schema.org/",
    "proof": "https://w3id.org/security#proof",
}
PROFILE = "https://w3id.org/dpv/schema/dpv-27560"


@dataclass(frozen=True, slots=True)
class Controller:
    """code: `INSTANCE/CLASS/CODE`.  name, url: of the portal that it runs."""

    code: str
    name: str
    url: str


def sealed_by_key(key: SigningKey) -> Seal:
    """By the portal's own, which stands among its /keys."""

    def seal(payload: bytes) -> str:
        header = {"alg": key.algorithm, "kid": key.key_id, "typ": TYPE}
        head, _, signature = jws.serialize_compact(
            header, payload, key.key, algorithms=[key.algorithm]
        ).split(".")
        return f"{head}..{signature}"

    return seal


def sealed_by_body(sealer: Sealer) -> Seal:
    """By the seal of the body, with its certificates (`x5c`)."""

    def seal(payload: bytes) -> str:
        certificates = [base64.b64encode(der(one)).decode() for one in sealer.chain]
        header = json.dumps({"alg": "ES256", "typ": TYPE, "x5c": certificates}, separators=(",", ":"))
        head = _base64url(header.encode())
        r, s = decode_dss_signature(sealer.sign(f"{head}.{_base64url(payload)}".encode()))
        return f"{head}..{_base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    return seal


class Consents:
    """profile: of the country whose law says that consent is a ground."""

    def __init__(self, controller: Controller, profile: Profile, seal: Seal) -> None:
        self._controller = controller
        self._profile = profile
        self._seal = seal

    def given(
        self, connection: Connection, at: datetime, *, subject: str, device: str, recipient: str
    ) -> None:
        """In the transaction in which the address is kept. device: its hash.  recipient: host of the push service. The same device again
        is the same consent. Raises CallerError (`no_legal_ground`)."""
        same = consent.c.device == device, consent.c.subject == subject, consent.c.ended_at.is_(None)
        if connection.scalar(select(consent.c.id).where(*same)) is not None:
            return
        self.ended(connection, at, "ConsentWithdrawn", device=device)  # another person's, on this device
        row = {
            "id": str(uuid4()),
            "subject": subject,
            "device": device,
            "recipient": recipient,
            "given_at": at,
        }
        receipt = self._receipt(row, "ConsentGiven", at)
        connection.execute(insert(consent).values(**row, status="ConsentGiven", receipt=receipt))

    def ended(self, connection: Connection, at: datetime, status: Status, **of: str) -> None:
        """In the transaction in which addresses are deleted. of: values of columns."""
        open_ones = consent.c.ended_at.is_(None), *(consent.c[name] == value for name, value in of.items())
        for row in connection.execute(select(consent).where(*open_ones)).all():
            receipt = self._receipt(row._asdict(), status, at)
            end = {"ended_at": at, "status": status, "receipt": receipt}
            connection.execute(update(consent).where(consent.c.id == row.id).values(end))

    def _receipt(self, row: Mapping[str, Any], status: Status, at: datetime) -> str:
        controller = self._controller
        who = {
            "@id": f"urn:x-road:{controller.code}",
            "@type": "dpv:DataController",
            "schema:name": controller.name,
            "schema:url": controller.url,
        }
        identifier, given = str(row["id"]), row["given_at"]
        record = {
            "@id": f"urn:uuid:{identifier}",
            "@type": "dpv:ConsentRecord",
            "dct:identifier": identifier,
            "dct:conformsTo": f"{PROFILE}#record",
            "dpv:hasDataSubject": {"@type": "dpv:Citizen", "dct:identifier": row["subject"]},
            "dpv:hasDataController": who,
            "dpv:hasJurisdiction": f"loc:{self._profile.country}",
            "dpv:hasLegalBasis": {
                "@type": "dpv:ExpressedConsent",
                "dct:source": self._profile.ground(GROUND),
            },
            "dpv:hasNotice": {"@type": "dpv:ConsentNotice", "schema:url": f"{controller.url}/settings"},
            "dpv:hasProcess": self._process(str(row["recipient"]), who["@id"]),
            "dpv:hasRight": {
                "@type": "dpv:DataSubjectRight",
                "dct:title": {"@value": "withdrawal, at once", "@language": "en"},
                "schema:url": f"{controller.url}/consents",
            },
            "dpv:hasConsentStatus": [_event("ConsentGiven", given)]
            + ([] if status == "ConsentGiven" else [_event(status, at)]),
        }
        receipt = {
            "@context": CONTEXT,
            "@id": f"urn:uuid:{identifier}#{status}",
            "@type": "dpv:ConsentReceipt",
            "dct:identifier": f"{identifier}/{status}",
            "dct:conformsTo": f"{PROFILE}#receipt-record",
            "dct:created": _instant(at),
            "dct:publisher": who["@id"],
            "schema:recipient": "dpv:DataSubject",
            "dpv:hasRecordOfActivity": record,
        }
        jws_text = self._seal(canonical_json(receipt))
        return json.dumps(
            {**receipt, "proof": {"type": "JWS", "jws": jws_text}}, ensure_ascii=False, indent=1
        )

    @staticmethod
    def _process(recipient: str, controller: str) -> dict[str, Any]:
        """To what it was given."""
        return {
            "@type": "dpv:Process",
            "dct:title": {
                "@value": "waking a device when there is news, without saying which",
                "@language": "en",
            },
            "dpv:hasPurpose": "dpv:CommunicationManagement",
            "dpv:hasProcessing": ["dpv:Store", "dpv:Use", "dpv:Transmit"],
            "dpv:hasPersonalData": {
                "@type": "pd:DeviceBased",
                "dct:title": "push address and keys of a browser",
            },
            "dpv:hasRecipient": [
                controller,
                {"@type": "dpv:ThirdParty", "schema:url": f"https://{recipient}"},
            ],
            "dpv:hasStorageCondition": {
                "@type": "dpv:StorageDuration",
                "dct:title": "until it is withdrawn, or the device is gone",
            },
        }


class ConsentPages:
    def __init__(self, pages: Pages, store: Store, consents: Consents) -> None:
        self._pages = pages
        self._store = store
        self._consents = consents

    async def show(self, visit: Visit) -> Response:
        """What stands, then what has ended, the newest first."""
        query = select(consent).where(consent.c.subject == visit.person.person)
        rows = await self._store.change(
            lambda c, _at: c.execute(query.order_by(consent.c.given_at.desc()).limit(200)).all()
        )
        ordered = sorted(rows, key=lambda row: row.ended_at is not None)
        return self._pages.page(visit, "consents.html", {"consents": ordered})

    async def receipt(self, visit: Visit) -> Response:
        """The newest, as it was sealed. Raises CallerError (`not_found`)."""
        row = await self._own(visit)
        name = f"consent-{row.id}.jsonld"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(row.receipt, media_type="application/ld+json", headers=headers)

    async def withdraw(self, visit: Visit) -> Response:
        """At once: the address is gone with it. Withdrawn before, it stays so. Raises CallerError (`not_found`)."""
        row = await self._own(visit)

        def write(connection: Connection, at: datetime) -> None:
            connection.execute(push_address.delete().where(push_address.c.endpoint_hash == row.device))
            self._consents.ended(connection, at, "ConsentWithdrawn", id=row.id)

        if row.ended_at is None:
            await self._store.change(write)
        return redirect("/consents")

    async def _own(self, visit: Visit) -> Row[Any]:
        where: Sequence[Any] = (
            consent.c.id == visit.call.parameters["consent"],
            consent.c.subject == visit.person.person,
        )
        found = await self._store.change(
            lambda c, _at: c.execute(select(consent).where(*where)).one_or_none()
        )
        if found is None:
            raise CallerError("no such consent", code="not_found")
        return found


def _event(status: Status, at: datetime) -> dict[str, str]:
    return {"@type": f"dpv:{status}", "dct:date": _instant(at)}


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
