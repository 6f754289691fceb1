"""Notifications by mail, to a real SMTP server with STARTTLS and a password; and X-Road's two files."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from ordering_world import CA, DUE_NOW, OrderingWorld, client
from test_renewal import ON

from sild.acme_client import AcmeRefusal, read_acme_yml, read_mail_yml
from sild.acme_client.mail import Mail
from sild.errors import CallerError
from sild.pki import CertificateProfile, issue_certificate
from sild.signer import CertificateStatus, KeyUsage
from sild.xroad.identifiers import ClientId
from support.pki import Pki, name, private_key

MEMBER = ClientId("DEV", "COM", "1")
USER, PASSWORD = "xroad@example.org", "secret of the mail server"


@dataclass
class Mailbox:
    directory: Path
    port: int = 0
    messages: list[tuple[list[str], Message]] = field(default_factory=list)
    plain: bool = False

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.messages.append((envelope.rcpt_tos, message_from_bytes(envelope.content)))
        return "250 OK"

    @property
    def trust(self) -> Path:
        return self.directory / "mail-authorities.pem"

    def yml(self, **changes: object) -> Path:
        values = {"host": "localhost", "port": self.port, "username": USER, "password": PASSWORD} | changes
        path = self.directory / "mail.yml"
        lines = [f"{key.replace('_', '-')}: {value}\n" for key, value in values.items()]
        path.write_text("".join(lines) + f"contacts:\n  '{MEMBER}': member@example.org\n")
        return path


@pytest.fixture
async def mailbox(tmp_path: Path) -> AsyncIterator[Mailbox]:
    pki, own, now = Pki("ec-p256"), private_key("ec-p256", "mail"), datetime.now(UTC)
    issued = issue_certificate(
        CertificateProfile.TLS, subject=name(CN="localhost"), public_key=own.public_key(),
        issuer=pki.ca.certificate.subject, issuer_key=pki.ca.key, issuer_public_key=pki.ca.key.public_key(),
        serial_number=78, not_before=now - timedelta(hours=1), not_after=now + timedelta(days=1),
        dns_names=("localhost",),
    )  # fmt: skip
    chain = tmp_path / "mail.pem"
    chain.write_bytes(
        issued.public_bytes(Encoding.PEM)
        + own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    box = Mailbox(tmp_path)
    box.trust.write_bytes(pki.ca.certificate.public_bytes(Encoding.PEM))

    def check(
        _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: LoginPassword
    ) -> AuthResult:
        return AuthResult(
            success=(given.login, given.password) == (USER.encode(), PASSWORD.encode()), handled=False
        )

    def protocol() -> SMTP:
        tls = {} if box.plain else {"tls_context": context, "require_starttls": True}
        return SMTP(box, hostname="mail", authenticator=check, auth_required=not box.plain, **tls)

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    yield box
    server.close()
    await server.wait_closed()


def mail(box: Mailbox, path: Path, **changes: Any) -> Mail:
    given = {"ca_certificates": box.trust, "sender_name": "SS1", "on_success": True, "on_failure": True}
    return Mail(read_mail_yml(path), **(given | changes))


async def test_success_and_failure_are_told(it: OrderingWorld, mailbox: Mailbox) -> None:
    settings = {"mail_file": mailbox.yml(), "mail_ca_certificates": mailbox.trust, "retry_first": 0.0}
    site = await it.add_server("ss1", "1", acme=ON | settings)
    it.validity(DUE_NOW)
    old = await client(site).ordering.order(CA, KeyUsage.AUTHENTICATION, site.owner, activate=True)
    await site.server.signer.keyring.set_status(old.sha1, CertificateStatus.REGISTERED)
    it.validity(timedelta(days=365))
    for _ in range(3):
        await client(site).renewal.round()  # renewed; its registration fails each time: told once
    (to, renewed), (_, failed) = mailbox.messages
    assert to == ["member@example.org"] and renewed["From"] == USER
    assert "was renewed" in renewed["Subject"] and old.sha1 in renewed.get_payload()
    assert "failed" in failed["Subject"] and "tried again" in failed.get_payload()
    assert "DEV:COM:1:ss1" in failed.get_payload() or "DEV/COM/1/ss1" in failed.get_payload()
    contacts = (
        it.authority.acme._store._engine.connect().exec_driver_sql("select contact from acme_account").all()
    )
    assert [row[0] for row in contacts] == ['["mailto:member@example.org"]']


async def test_what_is_not_wanted_is_not_sent(mailbox: Mailbox) -> None:
    path = mailbox.yml()
    await mail(mailbox, path, on_success=False).tell(MEMBER, "s", "t", success=True)
    await mail(mailbox, path, on_failure=False).tell(MEMBER, "s", "t", success=False)
    await mail(mailbox, path).tell(ClientId("DEV", "COM", "2"), "s", "t", success=True)
    assert mailbox.messages == []
    await mail(mailbox, path).tell(MEMBER, "s", "t", success=True)
    assert len(mailbox.messages) == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"password": "wrong"}, "SMTPAuthenticationError"),
        ({"port": 9}, "ConnectionRefusedError"),
        ({"host": "127.0.0.1"}, "SSLCertVerificationError"),
        ({"use_ssl_tls": "true"}, "SSLError"),
    ],
)
async def test_a_mail_that_cannot_be_sent_is_a_log_line(
    mailbox: Mailbox, caplog: pytest.LogCaptureFixture, changes: dict[str, object], error: str
) -> None:
    await mail(mailbox, mailbox.yml(**changes)).tell(MEMBER, "s", "t", success=False)
    (line,) = [record for record in caplog.records if record.message == "acme.mail_not_sent"]
    assert line.values["error"] == error  # type: ignore[attr-defined]
    assert mailbox.messages == [] and PASSWORD not in str(line.values)  # type: ignore[attr-defined]


async def test_no_password_in_the_clear(mailbox: Mailbox, caplog: pytest.LogCaptureFixture) -> None:
    """A server that offers no STARTTLS, or somebody between who cut it out."""
    mailbox.plain = True
    await mail(mailbox, mailbox.yml()).tell(MEMBER, "s", "t", success=True)
    assert mailbox.messages == []
    assert [record.message for record in caplog.records] == ["acme.mail_not_sent"]


# -- the files


ACME_YML = """
eab-credentials:
  certificate-authorities:
    'Example Root CA':
      mac-key-base64-encoded: true
      members:
        'EU:COM:1234567-8':
          auth-kid: key_2
          auth-mac-key: YXV0aGVudGljYXRpb25zZWNyZXRtYWNrZXk=
          sign-kid: key_3
          sign-mac-key: c2VjcmV0X21hY19rZXlfZm9yX3NpZ25pbmc=
    'Some Other CA':
      mac-key-base64-encoded: false
      members:
        'EU:GOV:9090909-1':
          kid: kid123
          mac-key: goodlongsecretwordthatisnotshort
account-keystore-password:
"""


def test_an_acme_yml_of_x_road(tmp_path: Path) -> None:
    path = tmp_path / "acme.yml"
    path.write_text(ACME_YML)
    read = read_acme_yml(path)
    one, other = ClientId("EU", "COM", "1234567-8"), ClientId("EU", "GOV", "9090909-1")
    auth = read.external_account("Example Root CA", one, KeyUsage.AUTHENTICATION)
    sign = read.external_account("Example Root CA", one.with_subsystem("S"), KeyUsage.SIGNING)
    both = read.external_account("Some Other CA", other, KeyUsage.SIGNING)
    assert auth is not None and (auth.kid, auth.alias) == ("key_2", "auth_EU:COM:1234567-8")
    assert sign is not None and (sign.kid, sign.alias) == ("key_3", "sign_EU:COM:1234567-8")
    assert both is not None and (both.kid, both.alias) == ("kid123", "EU:GOV:9090909-1")
    assert both.mac_key == "Z29vZGxvbmdzZWNyZXR3b3JkdGhhdGlzbm90c2hvcnQ="
    assert read.external_account("Some Other CA", one, KeyUsage.SIGNING) is None
    assert read.account_keystore_password is None
    for shown in (auth, sign, both):
        assert shown.mac_key not in repr(shown)


@pytest.mark.parametrize("spelling", ["aGk-_w==", "aGk-_w", "aGk+/w=="])
def test_spellings_of_a_mac_key(tmp_path: Path, spelling: str) -> None:
    path = tmp_path / "acme.yml"
    path.write_text(ACME_YML.replace("YXV0aGVudGljYXRpb25zZWNyZXRtYWNrZXk=", spelling))
    found = read_acme_yml(path).external_account(
        "Example Root CA", ClientId("EU", "COM", "1234567-8"), KeyUsage.AUTHENTICATION
    )
    assert found is not None and found.mac_key == "aGk-_w=="


def test_a_mac_key_that_is_not_base64(tmp_path: Path) -> None:
    path = tmp_path / "acme.yml"
    path.write_text(ACME_YML.replace("YXV0aGVudGljYXRpb25zZWNyZXRtYWNrZXk=", "not base64!"))
    with pytest.raises(AcmeRefusal, match="mac-key-base64-encoded"):
        read_acme_yml(path).external_account(
            "Example Root CA", ClientId("EU", "COM", "1234567-8"), KeyUsage.AUTHENTICATION
        )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "no YAML"),
        ("- a", "names and values"),
        ("eab-credentials: 7", "eab-credentials"),
        (
            "eab-credentials:\n  certificate-authorities:\n    CA:\n      members:\n        M:\n          kid: {}",
            "kid",
        ),
        ("a: !!python/object/apply:os.system ['true']", "no YAML"),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "acme.yml"
    path.write_text(text)
    with pytest.raises(CallerError, match=said):
        read_acme_yml(path)
    with pytest.raises(CallerError, match="No such file"):
        read_mail_yml(tmp_path / "missing")


def test_an_empty_file_is_nothing_wrong(tmp_path: Path) -> None:
    path = tmp_path / "acme.yml"
    path.write_text("")
    assert read_acme_yml(path).eab_credentials is None
    assert not read_mail_yml(path).is_complete
