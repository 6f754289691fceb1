"""`sild identity` asks for certificates itself: a process with real handshakes, a person's card and a device's own certificate."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sild.errors import CallerError
from sild.nation.layout import free_ports
from sild.pki import CertificateProfile, der
from sild.processes.identity import IdentitySettings, command
from sild.settings import read_settings
from support.identity_card import IdentityCard
from support.identity_world import CALLBACK, SECRET, Browser, Page, Service
from support.pki import Credential, Pki, name

TAX = "70000349"


class MutualSite:
    """One provider as a process; whoever certifies people, and devices, is known to it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.people, self.makers = Pki(common_name="People"), Pki(common_name="Devices")
        self.ca_file = self._certificate("people.pem", self.people.ca.certificate)
        self._certificate("devices.pem", self.makers.ca.certificate)
        server = self.people.issue(CertificateProfile.TLS, name(CN="localhost"), dns_names=["localhost"])
        self.shown("tls", server)
        port, mutual = free_ports(2)
        self.issuer, self.mutual = f"https://localhost:{port}", f"https://localhost:{mutual}"
        self.open: list[requests.Session] = []
        self.config = directory / "identity.toml"
        self.config.write_text(f"""
directory = "state"
issuer = "{self.issuer}"
key_password = "secret"
certificate_authorities = ["people.pem"]
certificate_status = "off"
certificate_url = "{self.mutual}"
listen = [{{ port = {port}, certificate = "tls.pem", key = "tls.key" }}]
certificate_listen = [{{ port = {mutual}, certificate = "tls.pem", key = "tls.key", device_authorities = ["devices.pem"] }}]
clients = [{{ client_id = "service", name = "Service", redirect_uris = ["{CALLBACK}"], scopes = ["openid", "official"], secret_sha256 = "{hashlib.sha256(SECRET.encode()).hexdigest()}" }}]
""")

    def _certificate(self, file: str, certificate: x509.Certificate) -> Path:
        path = self.directory / file
        path.write_bytes(certificate.public_bytes(Encoding.PEM))
        return path

    def shown(self, file: str, held: Credential) -> tuple[str, str]:
        """What a client is given to show it: certificate and key."""
        key = self.directory / f"{file}.key"
        key.write_bytes(held.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return str(self._certificate(f"{file}.pem", held.certificate)), str(key)

    def card(self, code: str, given: str, surname: str, pki: Pki | None = None) -> tuple[str, str]:
        issued = IdentityCard.issue(pki or self.people, code, given, surname)
        return self.shown(secrets.token_hex(4), issued.credential)

    def run(self, *words: str) -> str:
        done = CliRunner().invoke(command, ["--config", str(self.config), *words])
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.output.strip()

    def get(self, path: str) -> requests.Response:
        return requests.get(self.issuer + path, verify=str(self.ca_file), timeout=10)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MutualSite]:
    site = MutualSite(tmp_path_factory.mktemp("mutual"))
    site.run("officials", "add", "EE60001019906", "inspector", TAX)
    laptop = site.makers.issue(CertificateProfile.AUTH, name(CN="Laptop 17"))
    site.shown("laptop", laptop)
    site.run("devices", "add", TAX, "Laptop 17", "--certificate", str(site.directory / "laptop.pem"))
    program = [sys.executable, "-c", "from sild.cli import main; main()", "identity", "--config", str(site.config)]  # fmt: skip
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said, process.communicate()[1]
        assert len(json.loads(said)["addresses"]) == 2
        try:
            yield site
        finally:
            for session in site.open:
                session.close()
            process.terminate()
            assert process.wait(20) == 0


def shows(browser: Browser, page: Page, ending: str, cert: tuple[str, str] | None, **headers: str) -> Page:
    form = page.form(ending)
    said = {"Origin": browser.world.issuer, **headers}
    return browser.open(form["action"], "POST", data=form["fields"], headers=said, cert=cert)


def begun(site: MutualSite, **parameters: str) -> tuple[Browser, Service, Page]:
    browser, service = Browser(site), Service(site, "service")  # type: ignore[arg-type]
    return browser, service, browser.open(service.url(ui_locales="en", **parameters))


def test_a_person_shows_a_card_in_the_handshake(site: MutualSite) -> None:
    browser, service, page = begun(site)
    mari = site.card("60001019906", "Mari", "Maasikas")
    claims = service.claims(service.tokens(shows(browser, page, "/certificate", mari)))
    assert (claims["sub"], claims["amr"], claims["acr"]) == ("EE60001019906", ["tls"], "high")
    assert claims["profile_attributes"]["given_name"] == "Mari"


def test_a_header_says_nothing_of_who_is_there(site: MutualSite) -> None:
    """What a proxy would write counts where there is none for nothing: not alone, and not beside another's certificate."""
    mari = IdentityCard.issue(site.people, "60001019906", "Mari", "Maasikas").credential
    header = {"Client-Cert": f":{base64.b64encode(der(mari.certificate)).decode()}:"}
    browser, _service, page = begun(site)
    refused = shows(browser, page, "/certificate", None, **header)
    assert refused.status == 400 and "not accepted" in refused.text
    browser, service, page = begun(site)
    juri = site.card("37001019903", "Jüri", "Juurikas")
    claims = service.claims(service.tokens(shows(browser, page, "/certificate", juri, **header)))
    assert claims["sub"] == "EE37001019903"


def test_whom_nobody_known_certified_ends_the_handshake(site: MutualSite) -> None:
    browser, _service, page = begun(site)
    stranger = site.card("60001019906", "Mari", "Maasikas", Pki(common_name="Stranger"))
    with pytest.raises(requests.exceptions.ConnectionError):
        shows(browser, page, "/certificate", stranger)


def test_a_devices_certificate_is_nobodys_card(site: MutualSite) -> None:
    """Its maker is let through the handshake so that the device may be known; a person who shows it is not let in."""
    maker = site.card("60001019906", "Mari", "Maasikas", site.makers)
    browser, _service, page = begun(site)
    refused = shows(browser, page, "/certificate", maker)
    assert refused.status == 400 and "not accepted" in refused.text


def test_an_official_at_a_registered_device(site: MutualSite) -> None:
    browser, service, page = begun(site, scope="openid official")
    mari = site.card("60001019906", "Mari", "Maasikas")
    page = shows(browser, page, "/certificate", mari)
    assert page.path.endswith("/device")
    browser.session.close()  # a connection shows one certificate
    laptop = (str(site.directory / "laptop.pem"), str(site.directory / "laptop.key"))
    claims = service.claims(service.tokens(shows(browser, page, "/device/certificate", laptop)))
    assert (claims["sub"], claims["device_posture"]) == ("EE60001019906", "managed")


@pytest.mark.parametrize(
    ("listen", "why"),
    [
        ('{ port = 0, host = "0.0.0.0" }', "not this machine's loopback"),
        ('{ port = 0, client_certificates = ["proxy.pem"] }', "certificate and a key"),
        ('{ port = 0, device_authorities = ["devices.pem"] }', "the proxy asks"),
    ],
)
def test_addresses_that_are_refused(tmp_path: Path, listen: str, why: str) -> None:
    file = tmp_path / "identity.toml"
    file.write_text(f'directory = "state"\nissuer = "https://login.example"\nkey_password = "s"\ncertificate_listen = [{listen}]\n')  # fmt: skip
    with pytest.raises(CallerError, match=why):
        read_settings(IdentitySettings, file)
