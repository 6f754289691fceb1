"""Receipts of consent: of what rests on it and nothing else, sealed, one's own, and withdrawn at once."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet
from rdflib import Graph, Namespace
from rdflib.namespace import DCTERMS, RDF
from sqlalchemy import func, select

from decisions.world import Root
from sild.decisions import canonical_json
from sild.portal.consents import sealed_by_body
from sild.portal.tables import push_address
from support.portal_world import JAAN, MARI, PortalWorld, estonia

from .test_web_push import PushService, subscribe

DPV = Namespace("https://w3id.org/dpv#")


def listed(world: PortalWorld) -> list[str]:
    """Addresses of the receipts on the page."""
    browser = world.browser()
    browser.log_in()
    return [link for link in browser.open("/consents").parsed.links if link.endswith("/receipt")]


def devices(world: PortalWorld) -> int:
    with world.portal._store.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(push_address)) or 0


def receipt_of(world: PortalWorld, path: str) -> dict[str, Any]:
    browser = world.browser()
    browser.log_in()
    page = browser.open(path)
    assert page.headers["content-type"] == "application/ld+json"
    found: dict[str, Any] = json.loads(page.text)
    return found


def ensure_sealed(world: PortalWorld, receipt: dict[str, Any]) -> None:
    """As anybody would who has the portal's /keys. Raises BadSignatureError."""
    body = {name: value for name, value in receipt.items() if name != "proof"}
    head, empty, signature = receipt["proof"]["jws"].split(".")
    assert empty == ""
    payload = base64.urlsafe_b64encode(canonical_json(body)).rstrip(b"=").decode()
    keys = KeySet.import_key_set(json.loads(world.browser().open("/keys").text))
    jws.deserialize_compact(f"{head}.{payload}.{signature}", keys, algorithms=["ES256"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # rdflib's of its own, in its reader
def test_a_wake_up_is_consented_to_with_a_receipt_and_withdrawn_at_once(world: PortalWorld) -> None:
    service = PushService()
    with service.running():
        assert listed(world) == []
        assert subscribe(world, service) == 201
        assert subscribe(world, service) == 201, "the same device again is the same consent"
        (path,) = listed(world)
        receipt = receipt_of(world, path)
        ensure_sealed(world, receipt)
        graph = Graph().parse(data=json.dumps(receipt), format="json-ld")
        (record,) = graph.subjects(RDF.type, DPV.ConsentRecord)
        (about,) = graph.objects(record, DPV.hasDataSubject)
        assert str(graph.value(about, DCTERMS.identifier)) == MARI.subject
        (basis,) = graph.objects(record, DPV.hasLegalBasis)
        assert str(graph.value(basis, DCTERMS.source)) == "IKÜM art 6 lg 1 p a"
        (process,) = graph.objects(record, DPV.hasProcess)
        assert len([*graph.objects(process, DPV.hasRecipient)]) == 2, (
            "the body, and somebody else's push service"
        )
        assert {*graph.objects(None, RDF.type)} >= {DPV.ConsentReceipt, DPV.ConsentGiven, DPV.ConsentNotice}

        altered = json.loads(json.dumps(receipt).replace("until it is withdrawn", "for ever"))
        with pytest.raises(BadSignatureError):
            ensure_sealed(world, altered)

        browser = world.browser()
        browser.log_in()
        browser.submit(browser.open("/consents"), "/withdraw")
        assert devices(world) == 0, "nothing is kept, so nothing can be sent"
        after = receipt_of(world, path)
        ensure_sealed(world, after)
        types = [one["@type"] for one in after["dpv:hasRecordOfActivity"]["dpv:hasConsentStatus"]]
        assert types == ["dpv:ConsentGiven", "dpv:ConsentWithdrawn"]
        assert "/withdraw" not in browser.open("/consents").text
        subscribe(world, service)
        assert len(listed(world)) == 2, "given anew it is another consent"


def test_turned_off_on_all_devices_every_consent_is_withdrawn(world: PortalWorld) -> None:
    service = PushService()
    with service.running():
        subscribe(world, service)
        browser = world.browser()
        browser.log_in()
        browser.submit(browser.open("/settings"), "/settings/push/off")
        (path,) = listed(world)
        ended = receipt_of(world, path)["dpv:hasRecordOfActivity"]["dpv:hasConsentStatus"][-1]
        assert ended["@type"] == "dpv:ConsentWithdrawn"


async def test_a_device_that_is_gone_ends_its_consent(world: PortalWorld) -> None:
    service = PushService(status=410)
    with service.running():
        subscribe(world, service)
        await world.portal.push.wake(MARI.subject)
        (path,) = listed(world)
        ended = receipt_of(world, path)["dpv:hasRecordOfActivity"]["dpv:hasConsentStatus"][-1]
        assert ended["@type"] == "dpv:ConsentExpired"


def test_nobody_sees_or_withdraws_anothers(world: PortalWorld) -> None:
    service = PushService()
    with service.running():
        subscribe(world, service)
        (path,) = listed(world)
        other = world.browser()
        other.log_in(JAAN)
        assert other.open(path).status == 404
        assert path not in other.open("/consents").parsed.links
        token = other.open("/settings").form("/logout")["fields"]["form_token"]
        end = path.replace("/receipt", "/withdraw")
        assert other.request("POST", end, {"form_token": token}).status == 404
        assert devices(world) == 1


async def test_where_the_law_knows_no_consent_none_is_asked_for(tmp_path: Path) -> None:
    grounds = {name: law for name, law in estonia().grounds.items() if name != "consent"}
    with PortalWorld(tmp_path, profile=estonia().model_copy(update={"grounds": grounds})).running() as world:
        service = PushService()
        with service.running():
            assert subscribe(world, service) != 201
            assert await world.portal.push.count(MARI.subject) == 0


def test_the_bodys_seal_names_its_certificate() -> None:
    root = Root()
    seal = sealed_by_body(root.sealer())
    head, _, signature = seal(b"{}").split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    certificate = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
    raw = base64.urlsafe_b64decode(signature + "==")
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(encode_dss_signature(r, s), f"{head}.e30".encode(), ec.ECDSA(SHA256()))
