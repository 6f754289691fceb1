"""The way of a certificate: request, import, registration; what is refused on it; what is left after a restart."""

from __future__ import annotations

import pytest

from sild.errors import CallerError, PeerError
from sild.http1 import fetch
from sild.pki import CertificateProfile, der, issue_certificate
from sild.signer import CertificateStatus, KeyAlgorithm, KeyNotFound, KeyUsage, Signer
from support.postgres import PostgreSQL, postgresql  # noqa: F401 - a fixture
from support.signer_world import MEMBER, MESSAGE, SignerWorld, verify


async def test_a_request_waits_for_its_certificate(signer: Signer, world: SignerWorld) -> None:
    key = await world.token.generate_key(KeyAlgorithm.EC_P256, "key")
    pki = world.trust.pki
    request = await signer.keyring.request_certificate(
        key.key_id, KeyUsage.SIGNING, MEMBER, pki.ca.certificate.subject
    )
    assert [(r.key_id, r.usage, r.member, r.der) for r in signer.keyring.requests()] == [
        (key.key_id, KeyUsage.SIGNING, MEMBER, request)
    ]
    await signer.keyring.delete_request(signer.keyring.requests()[0].id)
    assert signer.keyring.requests() == ()


async def test_imported_certificates_are_there_after_a_restart(signer: Signer, world: SignerWorld) -> None:
    await world.certify(signer, KeyUsage.AUTHENTICATION, status=CertificateStatus.REGISTRATION_IN_PROGRESS)
    again = world.open_signer()
    assert again.keyring.certificates() == signer.keyring.certificates()
    assert again.keyring.requests() == ()
    again.close()


async def test_whose_certificate_it_is_can_be_read_from_it(signer: Signer, world: SignerWorld) -> None:
    key = await world.token.generate_key(KeyAlgorithm.EC_P256, "key")
    ours = signer.sign_certificate_for(MEMBER).certificate
    pki = world.trust.pki
    certificate = issue_certificate(
        CertificateProfile.SIGN,
        subject=ours.subject,
        public_key=key.public_key,
        issuer=pki.ca.certificate.subject,
        issuer_key=pki.ca.key,
        issuer_public_key=pki.ca.key.public_key(),
        serial_number=99,
        not_before=ours.not_valid_before_utc,
        not_after=ours.not_valid_after_utc,
    )
    with pytest.raises(CallerError, match="whose certificate"):
        await signer.keyring.import_certificate(certificate)
    info = await signer.keyring.import_certificate(
        der(certificate), globalconf=world.globalconf, at=world.now
    )
    assert (info.member, info.usage) == (MEMBER, KeyUsage.SIGNING)


async def test_what_cannot_be_imported(signer: Signer, world: SignerWorld) -> None:
    keyring, pki = signer.keyring, world.trust.pki
    ours = signer.sign_certificate_for(MEMBER)
    with pytest.raises(CallerError) as exists:
        await keyring.import_certificate(ours.certificate)
    with pytest.raises(KeyNotFound) as key_not_found:
        await keyring.import_certificate(pki.sign_credential().certificate)
    with pytest.raises(PeerError) as incorrect:
        await keyring.import_certificate(b"no certificate", member=MEMBER)
    with pytest.raises(CallerError) as usage:
        await keyring.request_certificate(
            ours.key_id, KeyUsage.AUTHENTICATION, MEMBER, pki.ca.certificate.subject
        )
    with pytest.raises(CallerError) as not_found:
        await keyring.set_status("00", CertificateStatus.REGISTERED)
    codes = [caught.value.code_path for caught in (exists, key_not_found, incorrect, usage, not_found)]
    assert codes == [
        "cert_exists",
        "key_not_found",
        "incorrect_certificate",
        "wrong_cert_usage",
        "cert_not_found",
    ]


async def test_on_postgresql(world: SignerWorld, postgresql: PostgreSQL) -> None:  # noqa: F811
    with postgresql.database() as url:
        signer = Signer(
            [world.token], url, globalconf=lambda: world.globalconf, fetch=fetch, clock=world.clock
        )
        await world.certify(signer)
        await signer.ocsp.refresh()
        verify(await signer.sign_message(MEMBER, [MESSAGE]), MESSAGE)
        again = Signer(
            [world.token], url, globalconf=lambda: world.globalconf, fetch=fetch, clock=world.clock
        )
        verify(await again.sign_message(MEMBER, [MESSAGE]), MESSAGE)
        await again.keyring.set_active(again.sign_certificate_for(MEMBER).sha1, False)
        signer.close()
        again.close()
