"""A certificate by ACME, from the directory to its revocation: the plain way."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from acme_world import HOST, LOOPBACK, Authority, acme_authority, b64, problem, request
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc.jwk import ECKey, RSAKey

from sild.pki import CertificateProfile, is_auth_certificate, is_sign_certificate
from sild.trust_services import AcmeOptions, TrustOptions, TrustServices
from sild.trust_services.acme_orders import certificate_id
from support.asgi import serving
from support.pki import name, private_key
from support.postgres import PostgreSQL, postgresql  # noqa: F401  a fixture


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with acme_authority(tmp_path_factory.mktemp("acme")) as found:
        yield found


def test_the_directory_names_every_resource(authority: Authority) -> None:
    directory = authority.site.get("/acme/directory").json()
    assert directory["meta"]["externalAccountRequired"] is True
    assert set(directory["meta"]["profiles"]) == {"sign", "auth", "tls"}
    for resource in ("newNonce", "newAccount", "newOrder", "revokeCert", "keyChange", "renewalInfo"):
        assert directory[resource].startswith(authority.url + "/acme/")
    answer = authority.site.get("/acme/new-nonce")
    assert (answer.status, answer.headers["Cache-Control"]) == (204, "no-store")


def order_one(authority: Authority) -> None:
    client = authority.account()
    answer = client.order(HOST.upper())
    order = answer.json()
    assert (answer.status, order["status"]) == (201, "pending")
    assert order["identifiers"] == [{"type": "dns", "value": HOST}]
    client.prove(order)
    assert client.post(answer.headers["Location"], None).json()["status"] == "ready"
    done = client.post(order["finalize"], {"csr": b64(request())}).json()
    assert done["status"] == "valid"
    download = client.post(done["certificate"], None)
    assert download.headers["Content-Type"] == "application/pem-certificate-chain"
    certificate = x509.load_pem_x509_certificate(download.body)
    assert is_auth_certificate(certificate)
    certificate.verify_directly_issued_by(authority.services.ca_certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [HOST]
    listed = client.post(f"{client.kid}/orders", None).json()["orders"]
    assert listed == [answer.headers["Location"]]


def test_a_certificate_is_ordered(authority: Authority) -> None:
    order_one(authority)
    host, path = authority.challenges.asked[-1]
    assert host == f"{HOST}:{authority.challenges.port}"
    assert path.startswith("/.well-known/acme-challenge/")


def test_on_postgresql(tmp_path: Path, postgresql: PostgreSQL) -> None:  # noqa: F811
    with postgresql.database() as url, acme_authority(tmp_path, database_url=url) as authority:
        order_one(authority)
        client = authority.account()
        body = client.sign("/acme/new-order", {"identifiers": [{"type": "dns", "value": HOST}]})
        assert client.send("/acme/new-order", body).status == 201
        assert problem(client.send("/acme/new-order", body)) == "badNonce"


@pytest.mark.parametrize(
    "key", [ECKey.generate_key("P-384"), ECKey.generate_key("P-521"), RSAKey.generate_key(2048)]
)
def test_other_account_keys(authority: Authority, key: ECKey | RSAKey) -> None:
    client = authority.client(key)
    external = authority.acme.add_external_account("Member", subject=None)
    algorithm = {"P-384": "ES384", "P-521": "ES512"}.get(getattr(key, "curve_name", ""), "RS256")
    content = {"externalAccountBinding": client.bind(external.kid, external.mac_key)}
    assert client.post("/acme/new-account", content, header={"alg": algorithm}).status == 201


@pytest.mark.parametrize(
    ("content", "agent", "bound", "signs"),
    [
        ({"profile": "sign"}, "", ("SIGN", "AUTH"), True),
        ({"profile": "auth"}, "", ("SIGN", "AUTH"), False),
        ({}, "profile_id=sign X-Road", ("SIGN", "AUTH"), True),
        ({}, "profile_id=auth X-Road", ("SIGN", "AUTH"), False),
        ({}, "", ("SIGN",), True),
        ({}, "", ("AUTH",), False),
        ({}, "", ("SIGN", "AUTH"), False),
    ],
)
def test_the_profile_of_a_certificate(
    authority: Authority, content: dict[str, str], agent: str, bound: tuple[str, ...], signs: bool
) -> None:
    """By the order, by X-Road's header, by the external account, else for authentication."""
    client = authority.account(profiles=[CertificateProfile[kind] for kind in bound])
    order = client.ready(**content)
    target = order["finalize"].removeprefix(authority.url)
    body = client.sign(target, {"csr": b64(request(name(O="Member", CN="1234")))})
    answer = authority.site.request(
        "POST", target, body=json.dumps(body).encode(),
        headers={"Content-Type": "application/jose+json", "User-Agent": agent},
    )  # fmt: skip
    certificate = x509.load_pem_x509_certificate(client.post(answer.json()["certificate"], None).body)
    assert (is_sign_certificate(certificate), is_auth_certificate(certificate)) == (signs, not signs)


def test_a_request_for_signing_says_so_itself(authority: Authority) -> None:
    usage = x509.KeyUsage(False, True, False, False, False, False, False, False, False)
    csr = request(name(O="Member", CN="1234"), change=lambda builder: builder.add_extension(usage, True))
    assert is_sign_certificate(authority.account().issued(csr))


def test_an_order_may_ask_for_a_shorter_life(authority: Authority) -> None:
    client = authority.account()
    until = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    order = client.ready(notAfter=until.isoformat().replace("+00:00", "Z"))
    assert datetime.fromisoformat(order["notAfter"]) == until
    done = client.post(order["finalize"], {"csr": b64(request())}).json()
    certificate = x509.load_pem_x509_certificate(client.post(done["certificate"], None).body)
    assert abs(certificate.not_valid_after_utc - until) < timedelta(seconds=30)


def test_an_account_is_found_changed_and_given_up(authority: Authority) -> None:
    client = authority.account()
    again = authority.client(client.key).register(onlyReturnExisting=True)
    assert (again.status, again.headers["Location"]) == (200, client.kid)
    assert client.post(client.kid or "", {"contact": ["mailto:a@example.org"]}).json()["contact"] == [
        "mailto:a@example.org"
    ]
    assert problem(authority.client().register(onlyReturnExisting=True)) == "accountDoesNotExist"
    assert client.post(client.kid or "", {"status": "deactivated"}).json()["status"] == "deactivated"
    assert problem(client.order()) == "unauthorized"
    assert problem(authority.client(client.key).register()) == "unauthorized"


def test_the_key_of_an_account_changes(authority: Authority) -> None:
    client, new = authority.account(), ECKey.generate_key("P-256")
    target = "/acme/key-change"
    inner = authority.client(new).sign(
        target, {"account": client.kid, "oldKey": client.key.as_dict(private=False)}, header={"nonce": ""},
        without=("nonce",),
    )  # fmt: skip
    assert client.post(target, inner).status == 200
    assert problem(client.order()) == "malformed"  # the old key's signature
    client.key = new
    assert client.order().status == 201


def test_revoked_by_its_account_or_its_key(authority: Authority) -> None:
    client = authority.account()
    first, second = client.issued(), client.issued()
    for certificate, signer in ((first, client), (second, None)):
        content = {"certificate": b64(certificate.public_bytes(Encoding.DER)), "reason": 4}
        if signer is None:
            signer = authority.client(ECKey.import_key(private_key("ec-p256", "requests")))  # type: ignore[arg-type]
        assert signer.post("/acme/revoke-cert", content).status == 200
        revoked = authority.services.certificate(certificate.serial_number).revoked
        assert revoked is not None and revoked.reason is x509.ReasonFlags.superseded
        assert problem(signer.post("/acme/revoke-cert", content)) == "alreadyRevoked"


def test_when_to_renew(authority: Authority) -> None:
    client = authority.account()
    certificate = client.issued()
    url = f"/acme/renewal-info/{certificate_id(certificate)}"
    answer = authority.site.get(url)
    assert int(answer.headers["Retry-After"]) > 0
    window = answer.json()["suggestedWindow"]
    start, end = datetime.fromisoformat(window["start"]), datetime.fromisoformat(window["end"])
    assert certificate.not_valid_before_utc < start < end < certificate.not_valid_after_utc
    authority.services.revoke(certificate.serial_number)
    window = authority.site.get(url).json()["suggestedWindow"]
    assert datetime.fromisoformat(window["end"]) <= datetime.now(UTC)
    assert problem(authority.site.get("/acme/renewal-info/AAAA.AAAA")) == "malformed"


def test_a_certificate_is_replaced_once(authority: Authority) -> None:
    client = authority.account()
    old = certificate_id(client.issued())
    assert client.order(replaces=old).status == 201
    assert problem(client.order(replaces=old)) == "alreadyReplaced"
    assert problem(authority.account().order(replaces=old)) == "malformed"
    assert problem(client.order(replaces="x.y")) == "malformed"


def test_an_authorization_is_given_up(authority: Authority) -> None:
    client = authority.account()
    answer = client.order()
    (url,) = answer.json()["authorizations"]
    assert client.post(url, {"status": "deactivated"}).json()["status"] == "deactivated"
    assert client.post(answer.headers["Location"], None).json()["status"] == "invalid"


def test_it_goes_on_after_a_restart(tmp_path: Path) -> None:
    """The order stands in the database; the URL is the same where `base_url` is."""
    with acme_authority(tmp_path) as before:
        client = before.account()
        order = client.ready()
        port = before.site.port
    options = TrustOptions(acme=AcmeOptions(before.url, private_networks=LOOPBACK))
    services = TrustServices.open(tmp_path, password="secret", options=options)
    with serving(services.app, socket.create_server(("127.0.0.1", port), reuse_port=False)):
        assert client.post(order["finalize"], {"csr": b64(request())}).json()["status"] == "valid"
    services.close()
