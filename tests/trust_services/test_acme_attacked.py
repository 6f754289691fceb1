"""What an ACME server must refuse, each with the word RFC 8555 has for it, and none of it leaving a trace."""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from acme_world import HOST, Authority, RawClient, acme_authority, b64, problem, request
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, RSAKey
from trust_world import SettableClock

from sild.clock import system_clock
from sild.errors import CallerError
from sild.pki import CertificateProfile
from sild.trust_services.acme_errors import AcmeProblem
from sild.trust_services.acme_http import ACME_ROUTES, Signature
from sild.trust_services.acme_jws import parse_request
from sild.trust_services.acme_members import known_profile
from sild.trust_services.acme_orders import certificate_id
from sild.trust_services.acme_validation import _may_call
from support.pki import name, private_key

ORDER = {"identifiers": [{"type": "dns", "value": HOST}]}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with acme_authority(tmp_path_factory.mktemp("acme")) as found:
        yield found


@pytest.fixture(scope="module")
def client(authority: Authority) -> RawClient:
    return authority.account()


# -- the envelope


def test_a_request_sent_twice(client: RawClient) -> None:
    body = client.sign("/acme/new-order", ORDER)
    assert client.send("/acme/new-order", body).status == 201
    assert problem(client.send("/acme/new-order", body)) == "badNonce"


@pytest.mark.parametrize("nonce", ["", "AAAA", "x" * 54, "A" * 5000])
def test_a_nonce_of_nobody(client: RawClient, nonce: str) -> None:
    assert problem(client.post("/acme/new-order", ORDER, header={"nonce": nonce})) == "badNonce"
    assert problem(client.post("/acme/new-order", ORDER, without=("nonce",))) == "badNonce"


def test_a_nonce_of_yesterday(tmp_path: Path) -> None:
    clock = SettableClock()
    clock.at = system_clock()
    with acme_authority(tmp_path, clock=clock) as authority:
        client = authority.account()
        body = client.sign("/acme/new-order", ORDER)
        clock.at += timedelta(hours=1, seconds=2)
        assert problem(client.send("/acme/new-order", body)) == "badNonce"


def test_a_wrong_signature_spends_no_nonce(client: RawClient) -> None:
    nonce = client.nonce()
    forged = client.sign("/acme/new-order", ORDER, header={"nonce": nonce}, key=ECKey.generate_key("P-256"))
    assert problem(client.send("/acme/new-order", forged)) == "malformed"
    assert client.post("/acme/new-order", ORDER, header={"nonce": nonce}).status == 201


def test_signed_for_another_url(client: RawClient) -> None:
    assert problem(client.send("/acme/new-order", client.sign("/acme/revoke-cert", ORDER))) == "unauthorized"
    elsewhere = {"url": "http://elsewhere.example/acme/new-order"}
    assert problem(client.post("/acme/new-order", ORDER, header=elsewhere)) == "unauthorized"
    assert problem(client.post("/acme/new-order", ORDER, without=("url",))) == "malformed"


@pytest.mark.parametrize("part", ["payload", "protected", "signature"])
def test_altered_on_the_way(client: RawClient, part: str) -> None:
    body = client.sign("/acme/new-order", ORDER)
    other = client.sign("/acme/new-order", {"identifiers": [{"type": "dns", "value": "other.example"}]})
    assert problem(client.send("/acme/new-order", body | {part: other[part]})) == "malformed"


@pytest.mark.parametrize("algorithm", ["none", "HS256", "PS256", "RS1", "es256", 7, None])
def test_signature_algorithms(authority: Authority, client: RawClient, algorithm: object) -> None:
    body = client.sign("/acme/new-order", ORDER)
    header = json.loads(parse_part(body["protected"])) | {"alg": algorithm}
    answer = client.send("/acme/new-order", body | {"protected": b64(json.dumps(header).encode())})
    assert problem(answer) == "badSignatureAlgorithm"
    assert "ES256" in answer.json()["algorithms"]


def parse_part(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_public_key_used_as_a_secret(authority: Authority, client: RawClient) -> None:
    """The old trick: HS256 with the bytes of the public key."""
    secret = OctKey.import_key(client.key.as_dict(private=False)["x"].encode())  # type: ignore[union-attr]
    body = client.sign("/acme/new-order", ORDER, key=secret, header={"kid": client.kid, "alg": "HS256"})
    assert problem(client.send("/acme/new-order", body)) == "badSignatureAlgorithm"


def test_an_algorithm_that_is_not_the_keys(client: RawClient) -> None:
    rsa_key = RSAKey.generate_key(2048)
    body = client.sign("/acme/new-order", ORDER, key=rsa_key, header={"kid": client.kid, "alg": "RS256"})
    assert problem(client.send("/acme/new-order", body)) == "malformed"


def test_whose_key(authority: Authority, client: RawClient) -> None:
    jwk = client.key.as_dict(private=False)  # type: ignore[union-attr]
    assert (
        problem(client.post("/acme/new-order", ORDER, header={"jwk": jwk, "kid": client.kid})) == "malformed"
    )
    assert problem(client.post("/acme/new-order", ORDER, header={"jwk": jwk})) == "malformed"
    assert problem(client.post("/acme/new-account", {}, header={"kid": client.kid})) == "malformed"
    for kid in (
        "",
        "1",
        f"{authority.url}/acme/account/",
        f"{authority.url}/acme/account/other",
        "http://x/1",
    ):
        assert problem(client.post("/acme/new-order", ORDER, header={"kid": kid})) == "accountDoesNotExist"
    other = authority.account()
    assert problem(client.post("/acme/new-order", ORDER, header={"kid": other.kid})) == "malformed"


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "RSA", "n": b64((1 << 1023 | 1).to_bytes(128)), "e": "AQAB"},
        {"kty": "RSA", "n": b64((1 << 8192 | 1).to_bytes(1025)), "e": "AQAB"},
        ECKey.generate_key("P-256").as_dict(private=True),
        ECKey.generate_key("secp256k1").as_dict(private=False),
        {"kty": "oct", "k": "AAAA"},
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "EC"},
        {},
    ],
)
def test_keys_that_are_none(authority: Authority, jwk: dict[str, Any]) -> None:
    answer = authority.client().post("/acme/new-account", {}, header={"jwk": jwk, "alg": "ES256"})
    assert problem(answer) == "badPublicKey"


@pytest.mark.parametrize(
    "change",
    [
        {"header": {"kid": "x"}},
        {"signatures": []},
        {"payload": 7},
        {"protected": "ä"},
        {"protected": ""},
        {"protected": b64(b"[]")},
        {"protected": b64(b"{")},
        {"protected": b64(b'{"alg":"ES256","alg":"ES256","url":"x"}')},
        {"payload": b64(b"[1]")},
        {"payload": b64(b"null")},
        {"payload": b64(b"{}") + "="},
    ],
)
def test_forms_of_an_envelope(client: RawClient, change: dict[str, Any]) -> None:
    assert (
        problem(client.send("/acme/new-order", client.sign("/acme/new-order", ORDER) | change)) == "malformed"
    )


def test_critical_extensions(client: RawClient) -> None:
    for more in ({"crit": ["exp"], "exp": 1}, {"b64": True}, {"crit": []}):
        body = client.sign("/acme/new-order", ORDER)
        header = json.loads(parse_part(body["protected"])) | more
        answer = client.send("/acme/new-order", body | {"protected": b64(json.dumps(header).encode())})
        assert (problem(answer), answer.json()["detail"]) == (
            "malformed",
            "extensions of JWS are not understood",
        )


def test_bodies(client: RawClient) -> None:
    huge = client.send("/acme/new-order", b"x" * 100_000)
    assert (huge.status, problem(huge)) == (413, "malformed")
    form = client.send("/acme/new-order", client.sign("/acme/new-order", ORDER), "application/json")
    assert (form.status, problem(form)) == (415, "malformed")
    for body in (b"", b"{", b"[]", b"\xff", b"[" * 5000, b'{"a":1,"a":2}'):
        assert problem(client.send("/acme/new-order", body)) == "malformed"


@given(st.binary(max_size=300) | st.recursive(
    st.none() | st.text(max_size=20), lambda leaf: st.dictionaries(
        st.sampled_from(["protected", "payload", "signature", "header", "x"]), leaf, max_size=4)
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_body_at_all(body: bytes) -> None:
    with pytest.raises(AcmeProblem):
        parse_request(body)


def test_every_resource_asks_for_its_signature(authority: Authority, client: RawClient) -> None:
    wrong = {Signature.ACCOUNT: "jwk", Signature.KEY: "kid"}
    for method, path, _handler, whose in ACME_ROUTES:
        target = path.replace("{id}", "x")
        if whose == Signature.NONE:
            assert method == "GET"
            continue
        assert authority.site.request(method, target).status == 415
        assert authority.site.get(target).status == 405
        if whose in wrong:
            value = client.key.as_dict(private=False) if wrong[whose] == "jwk" else client.kid  # type: ignore[union-attr]
            assert problem(client.post(target, {}, header={wrong[whose]: value})) == "malformed"


# -- accounts


def test_external_account_bindings(authority: Authority) -> None:
    acme, client = authority.acme, authority.client()
    assert problem(client.register()) == "externalAccountRequired"
    one, two = (acme.add_external_account("Member", subject=None) for _ in range(2))
    wrong = {
        "unauthorized": [client.bind(one.kid, two.mac_key), client.bind("nobody", one.mac_key)],
        "malformed": [
            authority.client().bind(one.kid, one.mac_key),  # of another key
            client.bind(one.kid, one.mac_key, url=authority.url + "/acme/new-order"),
            client.bind(one.kid, one.mac_key, nonce=client.nonce()),
            client.bind(one.kid, one.mac_key) | {"payload": ""},
            {},
            "x",
        ],
        "badSignatureAlgorithm": [client.sign("/acme/new-account", {}, header={"kid": one.kid})],
    }
    for kind, bindings in wrong.items():
        for binding in bindings:
            assert problem(client.register(externalAccountBinding=binding)) == kind, binding
    assert client.register(externalAccountBinding=client.bind(one.kid, one.mac_key)).status == 201
    other = authority.client()
    assert problem(other.register(externalAccountBinding=other.bind(one.kid, one.mac_key))) == "unauthorized"
    assert acme.remove_external_account(two.kid) and not acme.remove_external_account(two.kid)
    assert problem(other.register(externalAccountBinding=other.bind(two.kid, two.mac_key))) == "unauthorized"
    assert acme.remove_external_account(one.kid)
    assert problem(client.order()) == "unauthorized"


def test_an_external_account_removed_while_it_is_bound(authority: Authority) -> None:
    """Removed after the binding was found good, before the account is written: else nobody could revoke it any more."""
    acme = authority.acme
    external = acme.add_external_account("Member", subject=None)
    client, accounts = authority.client(), acme.accounts
    binding = client.bind(external.kid, external.mac_key)
    found = accounts._store.external_account

    def removed_meanwhile(kid: str) -> object:
        before = found(kid)
        assert acme.remove_external_account(kid)
        return before

    accounts._store.external_account = removed_meanwhile  # type: ignore[method-assign,assignment]
    try:
        answer = client.register(externalAccountBinding=binding)
    finally:
        del accounts._store.external_account
    assert problem(answer) == "unauthorized"
    assert problem(client.register(onlyReturnExisting=True)) == "accountDoesNotExist"


def test_the_secrets_of_bindings_are_sealed(authority: Authority) -> None:
    external = authority.acme.add_external_account("Member", subject=None)
    stored = authority.acme._store.external_account(external.kid)
    assert stored is not None and parse_part(external.mac_key) not in stored.mac_key


def test_contacts(authority: Authority, client: RawClient) -> None:
    for contact, kind in (
        (["tel:+372"], "unsupportedContact"),
        (["mailto:a"], "invalidContact"),
        (["mailto:a@b.example,c@d.example"], "invalidContact"),
        (["mailto:a@b.example?subject=x"], "invalidContact"),
        (["mailto:a@b.example"] * 9, "invalidContact"),
        ("mailto:a@b.example", "invalidContact"),
    ):
        assert problem(client.post(client.kid or "", {"contact": contact})) == kind


def test_taking_over_by_a_change_of_key(authority: Authority) -> None:
    client, victim = authority.account(), authority.account()
    target, new = "/acme/key-change", authority.client()
    old = client.key.as_dict(private=False)  # type: ignore[union-attr]

    def inner(account: str | None, old_key: object, **changes: Any) -> dict[str, Any]:
        return new.sign(target, {"account": account, "oldKey": old_key}, header={"nonce": ""},
                        **({"without": ("nonce",)} | changes))  # fmt: skip

    for forged in (
        inner(victim.kid, old),
        inner(client.kid, victim.key.as_dict(private=False)),  # type: ignore[union-attr]
        inner(client.kid, old, without=()),
        inner(client.kid, old) | {"signature": inner(victim.kid, old)["signature"]},
        client.sign("/acme/new-order", {"account": client.kid, "oldKey": old}),
    ):
        assert problem(client.post(target, forged)) in ("malformed", "badPublicKey")
    taken = victim.sign(target, {"account": client.kid, "oldKey": old},
                        header={"jwk": victim.key.as_dict(private=False)}, without=("nonce",))  # type: ignore[union-attr]  # fmt: skip
    answer = client.post(target, taken)
    assert (answer.status, answer.headers["Location"]) == (409, victim.kid)
    assert client.order().status == 201


# -- orders of others


def test_what_another_account_has(authority: Authority, client: RawClient) -> None:
    answer = client.order()
    order = answer.json()
    (authorization,) = order["authorizations"]
    (challenge,) = client.post(authorization, None).json()["challenges"]
    certificate = client.issued()
    other = authority.account()
    for url, payload in (
        (answer.headers["Location"], None),
        (authorization, None),
        (authorization, {"status": "deactivated"}),
        (challenge["url"], {}),
        (order["finalize"], {"csr": b64(request())}),
        (f"{authority.url}/acme/certificate/{certificate.serial_number:x}", None),
        (client.kid or "", None),
        (f"{client.kid}/orders", None),
        ("/acme/revoke-cert", {"certificate": b64(certificate.public_bytes(Encoding.DER))}),
    ):
        assert problem(other.post(url, payload)) == "unauthorized", url
    assert client.post(authorization, None).json()["status"] == "pending"
    assert authority.services.certificate(certificate.serial_number).revoked is None


# -- challenges


def failed(client: RawClient, *names: str) -> tuple[str, str]:
    """What an unsuccessful challenge says; the order has to be invalid and stay so."""
    answer = client.order(*names)
    order = answer.json()
    (challenge,) = client.post(order["authorizations"][0], None).json()["challenges"]
    said = client.post(challenge["url"], {}).json()
    assert said["status"] == "invalid"
    again = client.post(answer.headers["Location"], None).json()
    assert again["status"] == "invalid" and again["error"] == said["error"]
    assert problem(client.post(order["finalize"], {"csr": b64(request())})) == "orderNotReady"
    assert client.post(challenge["url"], {}).json()["status"] == "invalid"
    return said["error"]["type"].rpartition(":")[2], said["error"]["detail"]


def served(authority: Authority, client: RawClient, content: bytes | tuple[int, str]) -> tuple[str, str]:
    class Whatever(dict[str, Any]):
        def get(self, path: str, default: Any = None) -> Any:
            return super().get(path, content)

    before, authority.challenges.answers = authority.challenges.answers, Whatever({"/inside": b"secret"})
    try:
        return failed(client)
    finally:
        authority.challenges.answers = before


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ((404, ""), "incorrectResponse"),
        (b"", "incorrectResponse"),
        (b"something else", "incorrectResponse"),
        (b"x" * 5000, "connection"),
        ((302, "/.well-known/again"), "connection"),
        ((302, "http://other.invalid/"), "dns"),
        ((302, "http://127.0.0.1:22/"), "connection"),
        ((302, "https://127.0.0.1/"), "connection"),
        ((302, "file:///etc/passwd"), "connection"),
        ((302, "http://[::ffff:10.0.0.1]/"), "connection"),
        ((302, "/a b"), "connection"),
    ],
)
def test_challenges_that_fail(
    authority: Authority, client: RawClient, content: bytes | tuple[int, str], kind: str
) -> None:
    said, detail = served(authority, client, content)
    assert said == kind
    assert "secret" not in detail


def test_another_accounts_key_authorization(authority: Authority, client: RawClient) -> None:
    class Of(dict[str, Any]):
        def get(self, path: str, default: Any = None) -> Any:
            token = path.rpartition("/")[2]
            return f"{token}.{other.key.thumbprint()}".encode()

    other = authority.account()
    authority.challenges.answers = Of()
    try:
        assert failed(client)[0] == "incorrectResponse"
    finally:
        authority.challenges.answers = {}


def test_a_redirect_within_the_challenge_port(authority: Authority, client: RawClient) -> None:
    order = client.order().json()
    (challenge,) = client.post(order["authorizations"][0], None).json()["challenges"]
    token = challenge["token"]
    authority.challenges.answers = {
        f"/.well-known/acme-challenge/{token}": (
            302,
            f"http://127.0.0.1:{authority.challenges.port}/moved?x=1",
        ),
        "/moved?x=1": f"{token}.{client.key.thumbprint()}\r\n ".encode(),
    }
    assert client.post(challenge["url"], {}).json()["status"] == "valid"


@pytest.mark.parametrize(
    "value",
    [
        HOST,
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "::1",
        "fe80::1",
        "0.0.0.0",
        "fec0::1",
        "::127.0.0.1",
        "::ffff:10.1.2.3",
        "64:ff9b::10.1.2.3",
        "64:ff9b:1::10.1.2.3",
        "2002:a01:203::1",
        "::ffff:0:127.0.0.1",
    ],
)
def test_private_addresses_are_not_called(tmp_path: Path, value: str) -> None:
    with acme_authority(tmp_path, private_networks=()) as authority:
        client = authority.account()
        kind = "dns" if value == HOST else "ip"
        order = client.post("/acme/new-order", {"identifiers": [{"type": kind, "value": value}]}).json()
        (challenge,) = client.post(order["authorizations"][0], None).json()["challenges"]
        said = client.post(challenge["url"], {}).json()
        assert said["error"]["type"].endswith(":connection") and "is not called" in said["error"]["detail"]
        assert authority.challenges.asked == []


@pytest.mark.parametrize("value", ["64:ff9b::8.8.8.8", "2002:808:808::1", "2001:4860:4860::8888", "8.8.8.8"])
def test_public_addresses_are_called_whatever_they_are_written_as(value: str) -> None:
    assert _may_call(ipaddress.ip_address(value), ())


def test_nobody_serves(authority: Authority, tmp_path: Path) -> None:
    with acme_authority(tmp_path, challenge_port=9) as other:
        assert failed(other.account())[0] == "connection"
    assert failed(authority.account(), "nobody.invalid")[0] == "dns"


# -- orders


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({}, "malformed"),
        ({"identifiers": []}, "malformed"),
        ({"identifiers": [{"type": "dns", "value": f"a{n}.example"} for n in range(11)]}, "malformed"),
        ({"identifiers": [{"type": "email", "value": "a@b"}]}, "unsupportedIdentifier"),
        ({"identifiers": [{"type": "dns", "value": 7}]}, "unsupportedIdentifier"),
        ({"identifiers": ["a"]}, "unsupportedIdentifier"),
        ({"identifiers": [{"type": "dns", "value": "*.example.org"}]}, "rejectedIdentifier"),
        ({"identifiers": [{"type": "dns", "value": "a b"}]}, "malformed"),
        ({"identifiers": [{"type": "dns", "value": "127.0.0.1"}]}, "malformed"),
        ({"identifiers": [{"type": "dns", "value": "ä.example"}]}, "malformed"),
        ({"identifiers": [{"type": "dns", "value": "a.example:80"}]}, "malformed"),
        ({"identifiers": [{"type": "dns", "value": "a.example/x"}]}, "malformed"),
        ({"identifiers": [{"type": "ip", "value": "1.2.3"}]}, "malformed"),
        ({"identifiers": [{"type": "ip", "value": "2001:4860::1%a\r\nb: c"}]}, "malformed"),
        (ORDER | {"notBefore": "2030-01-01T00:00:00Z"}, "malformed"),
        (ORDER | {"notAfter": "2020-01-01T00:00:00Z"}, "malformed"),
        (ORDER | {"notAfter": "soon"}, "malformed"),
        (ORDER | {"profile": "root_ca"}, "invalidProfile"),
        (ORDER | {"profile": 7}, "invalidProfile"),
    ],
)
def test_orders(client: RawClient, content: dict[str, Any], kind: str) -> None:
    assert problem(client.post("/acme/new-order", content)) == kind


def test_too_many_orders(authority: Authority) -> None:
    client = authority.account()
    for _ in range(50):
        assert client.order().status == 201
    answer = client.order()
    assert (answer.status, problem(answer)) == (429, "rateLimited")
    assert authority.account().order().status == 201


def test_an_order_expires(tmp_path: Path) -> None:
    clock = SettableClock()
    clock.at = system_clock()
    with acme_authority(tmp_path, clock=clock) as authority:
        client = authority.account()
        answer, order = client.order(), client.ready()
        clock.at += timedelta(days=1, seconds=1)
        assert client.post(answer.headers["Location"], None).json()["status"] == "invalid"
        assert client.post(answer.json()["authorizations"][0], None).json()["status"] == "expired"
        assert problem(client.post(order["finalize"], {"csr": b64(request())})) == "orderNotReady"


def test_an_order_for_a_time_that_has_passed(tmp_path: Path) -> None:
    clock = SettableClock()
    clock.at = system_clock()
    with acme_authority(tmp_path, clock=clock) as authority:
        client = authority.account()
        order = client.ready(notAfter=(clock.at + timedelta(minutes=10)).isoformat())
        clock.at += timedelta(minutes=11)
        answer = client.post(order["finalize"], {"csr": b64(request())})
        assert problem(answer) == "orderNotReady"
        url = order["finalize"].removesuffix("/finalize")
        assert client.post(url, None).json()["status"] == "invalid"


def test_an_order_left_unfinished(tmp_path: Path) -> None:
    """As a process leaves it that is killed between claiming an order and issuing."""
    clock = SettableClock()
    clock.at = system_clock()
    with acme_authority(tmp_path, clock=clock) as authority:
        client = authority.account()
        order = client.ready()
        url = order["finalize"].removesuffix("/finalize")
        moved = authority.acme._store.move_order(
            url.rpartition("/")[2], "ready", "processing", processing_since=clock.at
        )
        assert moved
        assert client.post(url, None).json()["status"] == "processing"
        assert problem(client.post(order["finalize"], {"csr": b64(request())})) == "orderNotReady"
        clock.at += timedelta(seconds=61)
        assert client.post(url, None).json()["status"] == "invalid"


# -- certificate requests


def weak() -> bytes:
    return request(key=rsa.generate_private_key(65537, 1024))


@pytest.mark.parametrize(
    "csr",
    [
        b64(request(names=("other.example",))),
        b64(request(names=(HOST, "other.example"))),
        b64(request(name(CN="other.example"), names=())),
        b64(weak()),
        b64(request()[:-1]),
        b64(b"x"),
        request().hex() + "=",
        "",
        None,
        b64(b"x" * 20_000),
    ],
)
def test_certificate_requests(authority: Authority, client: RawClient, csr: str | None) -> None:
    order = client.ready()
    before = len(authority.services.certificates())
    assert problem(client.post(order["finalize"], {"csr": csr})) == "badCSR"
    assert len(authority.services.certificates()) == before
    assert client.post(order["finalize"], {"csr": b64(request())}).json()["status"] == "valid"


def test_certifying_the_accounts_key(authority: Authority) -> None:
    client = authority.account(ECKey.import_key(private_key("ec-p256", "account")))  # type: ignore[arg-type]
    csr = b64(request(key=private_key("ec-p256", "account")))
    assert problem(client.post(client.ready()["finalize"], {"csr": csr})) == "badCSR"


def test_a_name_of_the_authority_itself(authority: Authority, client: RawClient) -> None:
    csr = b64(request(authority.services.ocsp_certificate.subject))
    assert problem(client.post(client.ready()["finalize"], {"csr": csr})) == "badCSR"


def test_finalized_twice_gives_one_certificate(authority: Authority, client: RawClient) -> None:
    order = client.ready()
    before = len(authority.services.certificates())
    assert client.post(order["finalize"], {"csr": b64(request())}).status == 200
    assert problem(client.post(order["finalize"], {"csr": b64(request())})) == "orderNotReady"
    assert len(authority.services.certificates()) == before + 1


def test_another_members_certificate(authority: Authority) -> None:
    """The name of the host is proven; whose certificate it is, the external account says."""
    subject = {"serialNumber": "1234", "O": "Member"}
    client = authority.account(subject=subject, profiles=[CertificateProfile.AUTH], names=[HOST])
    order = client.ready()
    for wrong in (
        name(O="Member", SERIALNUMBER="9999"),
        name(O="Other", SERIALNUMBER="1234"),
    ):
        assert problem(client.post(order["finalize"], {"csr": b64(request(wrong))})) == "unauthorized"
    assert problem(client.order("other.example")) == "rejectedIdentifier"
    assert problem(client.order(profile="sign")) == "unauthorized"
    right = client.post(order["finalize"], {"csr": b64(request(name(O="Member", SERIALNUMBER="1234")))})
    assert right.json()["status"] == "valid"


def profile(short: str) -> str:
    return f"ee.ria.xroad.common.certificateprofile.impl.{short}CertificateProfileInfoProvider"


@pytest.mark.parametrize(
    ("short", "subject", "wrong", "right"),
    [
        (
            "BasicACME",
            {"serialNumber": "1234", "businessCategory": "COM"},
            name(SERIALNUMBER="1234", BUSINESSCATEGORY="GOV"),
            name(SERIALNUMBER="1234", BUSINESSCATEGORY="COM", CN="Member", O="Member"),
        ),
        (  # what stands in the rule is there, and another attribute comes before it
            "FiVRK",
            {"C": "FI", "O": "Member", "CN": "1234", "serialNumber": "DEV/SS1/COM"},
            name(C="FI", O="Member", CN="1234", SERIALNUMBER="DEV/SS1/GOV"),
            name(C="FI", O="Member", CN="1234", SERIALNUMBER="DEV/SS1/COM"),
        ),
        (
            "Ejbca",
            {"C": "FI", "O": "COM", "CN": "1234"},
            name(C="FI", O="GOV", CN="1234"),
            name(C="FI", O="COM", CN="1234", SERIALNUMBER="x"),
        ),
    ],
)
def test_a_rule_fixes_the_whole_member(
    tmp_path: Path, short: str, subject: dict[str, str], wrong: x509.Name, right: x509.Name
) -> None:
    with acme_authority(tmp_path, certificate_profile=profile(short)) as authority:
        for without in subject:
            part = {kind: value for kind, value in subject.items() if kind != without}
            if short == "FiVRK" and without == "serialNumber":
                continue  # an older form of its own
            with pytest.raises(CallerError, match="add what is missing to subject"):
                authority.acme.add_external_account("Member", subject=part)
        client = authority.account(subject=subject, profiles=[CertificateProfile.SIGN])
        order = client.ready()
        assert problem(client.post(order["finalize"], {"csr": b64(request(wrong))})) == "unauthorized"
        assert client.post(order["finalize"], {"csr": b64(request(right))}).json()["status"] == "valid"


def test_an_attribute_that_outranks_the_rules(tmp_path: Path) -> None:
    """By Estonia's profile an organizationIdentifier says who it is, whatever the serial number."""
    with acme_authority(tmp_path, certificate_profile=profile("SkKlass3")) as authority:
        client = authority.account(subject={"serialNumber": "70000001"}, profiles=[CertificateProfile.SIGN])
        order = client.ready()
        other = x509.NameAttribute(x509.NameOID.ORGANIZATION_IDENTIFIER, "NTREE-10000001")
        csr = b64(request(x509.Name([*name(SERIALNUMBER="70000001"), other])))
        assert problem(client.post(order["finalize"], {"csr": csr})) == "unauthorized"
        right = b64(request(name(SERIALNUMBER="70000001")))
        assert client.post(order["finalize"], {"csr": right}).json()["status"] == "valid"


def test_an_authentication_certificate_names_no_class(tmp_path: Path) -> None:
    with acme_authority(tmp_path, certificate_profile=profile("BasicACME")) as authority:
        client = authority.account(subject={"serialNumber": "1234", "businessCategory": "COM"})
        order = client.ready(profile="auth")
        for wrong in (name(SERIALNUMBER="9"), name(SERIALNUMBER="1234", BUSINESSCATEGORY="GOV")):
            assert problem(client.post(order["finalize"], {"csr": b64(request(wrong))})) == "unauthorized"
        right = b64(request(name(SERIALNUMBER="1234")))
        assert client.post(order["finalize"], {"csr": right}).json()["status"] == "valid"


def test_rules_without_a_certificate_profile(authority: Authority) -> None:
    """An account of before, or one moved to an authority that does not say, gets no sign certificate."""
    with pytest.raises(CallerError, match="set certificate_profile"):
        authority.acme.add_external_account("Member", subject={"serialNumber": "1234"})
    with pytest.raises(CallerError, match="no certificate profile"):
        known_profile("Basic")
    rules = {"profiles": ["SIGN"], "subject": {"2.5.4.5": "1234"}, "names": []}
    external = authority.acme.accounts.add_external_account("Member", rules, actor="before")
    client = authority.client()
    client.register(externalAccountBinding=client.bind(external.kid, external.mac_key))
    csr = b64(request(name(SERIALNUMBER="1234", BUSINESSCATEGORY="GOV")))
    assert problem(client.post(client.ready()["finalize"], {"csr": csr})) == "unauthorized"


# -- revocation


def test_revocations(authority: Authority, client: RawClient) -> None:
    certificate = client.issued()
    encoded = b64(certificate.public_bytes(Encoding.DER))
    stranger = authority.client()
    assert problem(stranger.post("/acme/revoke-cert", {"certificate": encoded})) == "unauthorized"
    for reason in (2, 6, 8, 11, -1, "1", True):
        said = problem(client.post("/acme/revoke-cert", {"certificate": encoded, "reason": reason}))
        assert said == "badRevocationReason"
    own = b64(authority.services.ca_certificate.public_bytes(Encoding.DER))
    assert problem(client.post("/acme/revoke-cert", {"certificate": own})) == "unauthorized"
    for wrong in (None, "", "x", b64(b"x")):
        assert problem(client.post("/acme/revoke-cert", {"certificate": wrong})) == "malformed"
    assert authority.services.certificate(certificate.serial_number).revoked is None


def test_identifiers_of_certificates() -> None:
    """RFC 9773 4.1's own example."""
    key_identifier = bytes.fromhex("69885B6B87464041E1B37B847BA0AE2CDE01C8D4")
    serial = 0x87654321

    class Example:
        serial_number = serial

        class extensions:
            @staticmethod
            def get_extension_for_class(_: object) -> Any:
                class Found:
                    value = x509.AuthorityKeyIdentifier(key_identifier, None, None)

                return Found

    assert certificate_id(Example) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"  # type: ignore[arg-type]
