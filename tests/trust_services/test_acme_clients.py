"""Clients others have written: certbot's library used as it is, and lego, order from our server."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import josepy
import pytest
from acme import challenges, client, errors, messages
from acme_world import HOST, Authority, acme_authority, request
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from support.pki import private_key


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with acme_authority(tmp_path_factory.mktemp("acme")) as found:
        yield found


def certbot(authority: Authority, kind: str = "rsa-2048") -> client.ClientV2:
    key = private_key(kind, "certbot")  # type: ignore[arg-type]
    own, algorithm = (josepy.JWKRSA(key=key), josepy.RS256) if kind == "rsa-2048" else (
        josepy.JWKEC(key=key), josepy.ES256)  # fmt: skip
    net = client.ClientNetwork(own, alg=algorithm)
    directory = client.ClientV2.get_directory(f"{authority.url}/acme/directory", net)
    return client.ClientV2(directory, net)


def register(authority: Authority, it: client.ClientV2) -> None:
    external = authority.acme.add_external_account("Member", subject=None)
    binding = messages.ExternalAccountBinding.from_data(
        it.net.key.public_key(), external.kid, external.mac_key, it.directory
    )
    it.new_account(
        messages.NewRegistration.from_data(
            email="a@example.org", terms_of_service_agreed=True, external_account_binding=binding
        )
    )


@pytest.mark.parametrize("kind", ["rsa-2048", "ec-p256"])
def test_certbots_library(authority: Authority, kind: str) -> None:
    it = certbot(authority, kind)
    assert it.external_account_required()
    register(authority, it)
    again = certbot(authority, kind)
    with pytest.raises(errors.ConflictError):
        register(authority, again)
    csr = x509.load_der_x509_csr(request()).public_bytes(Encoding.PEM)
    order = it.new_order(csr)
    (body,) = order.authorizations[0].body.challenges
    response, content = body.response_and_validation(it.net.key)
    assert isinstance(body.chall, challenges.HTTP01)
    authority.challenges.serve(body.chall.encode("token"), content)
    it.answer_challenge(body, response)
    done = it.poll_and_finalize(order)
    certificate = x509.load_pem_x509_certificate(done.fullchain_pem.encode())
    when, _ = it.renewal_time(done.fullchain_pem.encode())
    assert when is not None and certificate.not_valid_before_utc < when < certificate.not_valid_after_utc
    it.revoke(certificate, 0)
    assert authority.services.certificate(certificate.serial_number).revoked is not None


def test_certbots_library_is_told_why(authority: Authority) -> None:
    it = certbot(authority)
    it.net.key = josepy.JWKRSA(key=private_key("rsa-2048", "another"))
    register(authority, it)
    order = it.new_order(x509.load_der_x509_csr(request()).public_bytes(Encoding.PEM))
    (body,) = order.authorizations[0].body.challenges
    response, _ = body.response_and_validation(it.net.key)
    it.answer_challenge(body, response)
    with pytest.raises(errors.ValidationError) as refused:
        it.poll_and_finalize(order)
    (failed,) = refused.value.failed_authzrs
    assert failed.body.challenges[0].error.code == "incorrectResponse"


@pytest.mark.skipif(shutil.which("lego") is None, reason="lego is not installed")
def test_lego(tmp_path: Path) -> None:
    """Its own HTTP server answers the challenge; it renews and revokes."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with acme_authority(tmp_path / "trust", challenge_port=port) as authority:
        external = authority.acme.add_external_account("Member", subject=None)
        lego = [
            "lego", "--server", f"{authority.url}/acme/directory", "--accept-tos", "--email", "a@example.org",
            "--path", str(tmp_path / "lego"), "--domains", HOST, "--http", "--http.port", f"127.0.0.1:{port}",
            "--eab", "--kid", external.kid, "--hmac", external.mac_key,
        ]  # fmt: skip

        def run(*command: str) -> str:
            done = subprocess.run([*lego, *command], capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout + done.stderr

        run("run")
        file = tmp_path / "lego" / "certificates" / f"{HOST}.crt"
        first = x509.load_pem_x509_certificate(file.read_bytes())
        first.verify_directly_issued_by(authority.services.ca_certificate)
        run("renew", "--days", "9999", "--no-random-sleep")
        second = x509.load_pem_x509_certificate(file.read_bytes())
        assert second.serial_number != first.serial_number
        run("revoke")
        assert authority.services.certificate(second.serial_number).revoked is not None
