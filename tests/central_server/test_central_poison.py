"""Nothing that may be entered can keep the configuration from being published, or make it invalid."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from central_world import MEMBER, OTHER_SUBSYSTEM, PROFILE, SERVER
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from sild.central_server import CentralServer
from sild.errors import CallerError
from sild.pki import CertificateProfile, der, issue_certificate
from sild.xroad.identifiers import ClientId
from support.pki import NOT_AFTER, NOT_BEFORE, private_key

nasty = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("<>&'\"]\u0085\u2028\ufeff\ufffe\uffff\x0b\ud800\U0010ffff %:;/\\"),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nasty, nasty)
@example("\x1f", "\x1f")  # Python strips it as if it were a space
def test_whatever_may_be_entered_can_be_published(
    central_server: CentralServer, shared: Path, code: str, name: str
) -> None:
    with contextlib.suppress(CallerError):
        central_server.add_member("COM", code, name)
    with contextlib.suppress(CallerError):
        central_server.add_subsystem(ClientId(*MEMBER.parts[:3], code), name)
    with contextlib.suppress(CallerError):
        central_server.rename_subsystem(OTHER_SUBSYSTEM, name)
    with contextlib.suppress(CallerError):
        central_server.add_global_group(code, name)
    with contextlib.suppress(CallerError):
        central_server.update_certification_service(1, signing_certificate_profile_id=name)
    with contextlib.suppress(CallerError):
        central_server.update_timestamping_service(1, url=f"http://tsa/{name}")
    with contextlib.suppress(CallerError):
        central_server.set_system_parameter("authCertRegUrl", f"https://cs/{name}")
    with contextlib.suppress(CallerError):
        central_server.change_address(SERVER, f"ss0{name}")
    with contextlib.suppress(CallerError):
        central_server.set_address(f"cs{name}")
    with contextlib.suppress(CallerError):
        central_server.update_certification_service(1, acme_server_ip_address=f"192.0.2.1{name}")
    generation = central_server.publish()
    path = central_server.public_directory / "V6" / generation.name
    if path.exists():
        schemas = shared / "schema" / "globalconf" / "globalconf"
        for file, schema in (
            ("shared-params.xml", "v6/shared-parameters.xsd"),
            ("private-params.xml", "v3/private-parameters.xsd"),
        ):
            etree.XMLSchema(file=str(schemas / schema)).assertValid(etree.parse(str(path / file)))


@pytest.mark.parametrize("common_name", ["Bell \x07 CA", "Not \ufffe a character", "x" * 64])
def test_a_certificate_with_an_unprintable_name(central_server: CentralServer, common_name: str) -> None:
    key = private_key("ec-p256", "odd")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    certificate = issue_certificate(
        CertificateProfile.ROOT_CA,
        subject=name,
        public_key=key.public_key(),
        issuer=name,
        issuer_key=key,
        issuer_public_key=key.public_key(),
        serial_number=1,
        not_before=NOT_BEFORE,
        not_after=NOT_AFTER,
    )
    central_server.add_certification_service(der(certificate), PROFILE)
    central_server.publish()


@pytest.mark.parametrize("length", [255, 256])
def test_the_longest_of_everything(either_server: CentralServer, length: int) -> None:
    """On PostgreSQL a column's length is a rule; it must be ours too."""
    expected = contextlib.nullcontext() if length == 255 else pytest.raises(CallerError, match="bad_request")
    text = "ä" * length
    for enter in (
        lambda: either_server.add_member("COM", text, "Name"),
        lambda: either_server.rename_member(MEMBER, text),
        lambda: either_server.add_global_group(text, "Group"),
        lambda: either_server.update_global_group("everyone", text),
        lambda: either_server.update_member_class("COM", text),
        lambda: either_server.update_certification_service(1, signing_certificate_profile_id=text),
    ):
        with expected:
            enter()
    with either_server.transaction("x" * 300):
        either_server.rename_member(MEMBER, "Short")
    with pytest.raises(CallerError, match="invalid_url"):
        either_server.update_timestamping_service(1, url="http://tsa/" + "x" * 1000)
