"""The configuration in force: what it answers, for whom and until when; and that answers cost the same at any size."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sild.errors import TrustError
from sild.pki import CertificateProfile, der
from sild.xroad.globalconf import (
    ApprovedCA,
    ApprovedTSA,
    CaInfo,
    GlobalConf,
    GlobalGroup,
    ManagementService,
    Member,
    OcspInfo,
    PrivateParameters,
    SecurityServer,
    SharedParameters,
    Subsystem,
    auth_cert_hash,
)
from sild.xroad.identifiers import ClientId, GlobalGroupId, SecurityServerId
from support.pki import Credential, Pki, name
from support.shared_parameters import INSTANCE, large_parameters, member_id

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SOON = NOW + timedelta(minutes=10)
ONE = ClientId("DEV", "COM", "1")
ONE_A = ClientId("DEV", "COM", "1", "a")
ONE_B = ClientId("DEV", "COM", "1", "b")
TWO = ClientId("DEV", "COM", "2")
TWO_C = ClientId("DEV", "COM", "2", "c")
SS1 = SecurityServerId(ONE, "SS1")
PARTNER = ClientId("PAR", "GOV", "7", "x")
EJBCA = "ee.ria.xroad.common.certificateprofile.impl.EjbcaCertificateProfileInfoProvider"
DEV = SharedParameters(
    "DEV",
    members=(
        Member(ONE, "First", (Subsystem(ONE_A, "Portal"), Subsystem(ONE_B))),
        Member(TWO, "Second", (Subsystem(TWO_C),)),
    ),
    security_servers=(
        SecurityServer(
            SS1, "ss1", (auth_cert_hash(b"auth 1", 6), auth_cert_hash(b"auth 2", 6)), (ONE_A, TWO_C)
        ),
        SecurityServer(SecurityServerId(TWO, "SS2"), "ss2", (), (TWO_C,)),
    ),
    global_groups=(GlobalGroup("owners", "", (ONE, PARTNER)),),
    ocsp_freshness_seconds=1234,
)
PAR = SharedParameters(
    "PAR",
    version=2,
    members=(Member(PARTNER.member, "Partner", (Subsystem(PARTNER),)),),
    security_servers=(
        SecurityServer(SecurityServerId(PARTNER.member, "P"), "p", (auth_cert_hash(b"old", 2),), (PARTNER,)),
    ),
)


def private(seconds: int = 60) -> PrivateParameters:
    return PrivateParameters("DEV", ManagementService("https://cs:4001", TWO_C), seconds)


def conf(shared: SharedParameters = DEV, **others: object) -> GlobalConf:
    return GlobalConf("DEV", {"DEV": (shared, SOON), "PAR": (PAR, SOON - timedelta(minutes=1))}, **others)  # type: ignore[arg-type]


def test_members() -> None:
    g = conf()
    assert (g.member_name(ONE, NOW), g.member_name(ONE_A, NOW)) == ("First", "First")
    assert (g.subsystem_name(ONE_A, NOW), g.subsystem_name(ONE_B, NOW)) == ("Portal", None)
    assert g.is_known_client(ONE, NOW) and g.is_known_client(ONE_B, NOW)
    for stranger in (
        ClientId("DEV", "COM", "1", "z"),
        ClientId("DEV", "COM", "9"),
        ClientId("ZZ", "COM", "1"),
    ):
        assert not g.is_known_client(stranger, NOW)
        assert g.member_name(ClientId("ZZ", "COM", "1"), NOW) is None
        assert g.servers_of(stranger, NOW) == ()


def test_comparison_is_exact() -> None:
    assert not conf().is_known_client(ClientId("dev", "COM", "1"), NOW)
    assert not conf().is_known_client(ClientId("DEV", "com", "1"), NOW)


def test_servers() -> None:
    g = conf()
    assert [s.id.server_code for s in g.servers_of(TWO_C, NOW)] == ["SS1", "SS2"]
    assert [s.id.server_code for s in g.servers_of(ONE, NOW)] == ["SS1"], "the owner, though not a client"
    assert g.servers_of(ONE_B, NOW) == ()
    assert g.server(SS1, NOW) is DEV.security_servers[0]
    assert g.server(SecurityServerId(TWO, "SS1"), NOW) is None


def test_a_server_acts_for_its_owner_and_its_clients_only() -> None:
    g = conf()
    assert g.is_server_client(SS1, ONE, NOW) and g.is_server_client(SS1, ONE_A, NOW)
    assert g.is_server_client(SS1, TWO_C, NOW)
    assert not g.is_server_client(SS1, ONE_B, NOW), "the owner's other subsystem is not registered there"
    assert not g.is_server_client(SS1, TWO, NOW), "the member of a registered subsystem is not"
    assert not g.is_server_client(SecurityServerId(ONE, "SS9"), ONE, NOW)


def test_servers_by_authentication_certificate() -> None:
    g = conf()
    assert g.server_of_auth_certificate(b"auth 2", NOW) is DEV.security_servers[0]
    assert g.server_of_auth_certificate(b"other", NOW) is None
    assert g.server_of_auth_certificate(b"old", NOW) is PAR.security_servers[0], (
        "SHA-1, but only in version 2"
    )
    sha1 = replace(DEV.security_servers[0], auth_cert_hashes=(auth_cert_hash(b"auth 1", 2),))
    assert conf(replace(DEV, security_servers=(sha1,))).server_of_auth_certificate(b"auth 1", NOW) is None


def test_global_groups() -> None:
    g = conf()
    owners = GlobalGroupId("DEV", "owners")
    assert g.in_global_group(owners, ONE, NOW) and g.in_global_group(owners, PARTNER, NOW)
    assert not g.in_global_group(owners, ONE_A, NOW)
    assert not g.in_global_group(GlobalGroupId("DEV", "none"), ONE, NOW)
    assert not g.in_global_group(GlobalGroupId("ZZ", "owners"), ONE, NOW)


def test_the_own_instance_expires_for_everybody() -> None:
    conf().ensure_valid(SOON)
    with pytest.raises(TrustError) as refused:
        conf().ensure_valid(SOON + timedelta(seconds=1))
    assert refused.value.code == "global_conf_outdated"
    early = conf(private=private(), private_expires_at=NOW)
    with pytest.raises(TrustError):
        early.ensure_valid(NOW + timedelta(seconds=1))


def test_an_expired_partner_is_unknown() -> None:
    g, late = conf(), SOON - timedelta(seconds=30)
    assert g.instances(NOW) == ("DEV", "PAR") and g.instances(late) == ("DEV",)
    assert g.is_known_client(PARTNER, NOW) and not g.is_known_client(PARTNER, late)
    assert g.servers_of(PARTNER, late) == () and g.server_of_auth_certificate(b"old", late) is None
    assert not g.is_server_client(PAR.security_servers[0].id, PARTNER, late)
    g.ensure_valid(late)
    with pytest.raises(TrustError) as refused:
        g.shared("PAR", late)
    assert refused.value.code == "internal_error"


def test_parameters_of_the_own_instance() -> None:
    g = conf(
        private=private(),
        monitoring_client=TWO_C,
        check_ocsp_next_update=False,
        ocsp_fetch_interval=timedelta(seconds=5),
    )
    assert g.ocsp_freshness("DEV") == timedelta(seconds=1234)
    assert g.timestamping_interval == timedelta(seconds=60)
    assert conf(private=private(1)).timestamping_interval == timedelta(seconds=60)
    assert conf(private=private(10**6)).timestamping_interval == timedelta(days=1)
    assert (g.monitoring_client, g.check_ocsp_next_update, g.ocsp_fetch_interval) == (
        TWO_C,
        False,
        timedelta(seconds=5),
    )
    assert (conf().check_ocsp_next_update, conf().ocsp_fetch_interval) == (True, timedelta(seconds=1200))
    with pytest.raises(TrustError):
        _ = conf().private


def test_no_shared_parameters_no_configuration() -> None:
    with pytest.raises(TrustError) as refused:
        GlobalConf("DEV", {"PAR": (PAR, SOON)})
    assert refused.value.code == "malformed_global_conf"


# -- trust -------------------------------------------------------------------------------------------------------------


def approved(pki: Pki, *, authentication_only: bool | None = None) -> ApprovedCA:
    ocsp = (
        OcspInfo(" http://ocsp ", der(pki.ocsp.certificate)),
        OcspInfo("http://ocsp2"),
        OcspInfo("http://ocsp"),
    )
    return ApprovedCA(
        "CA", CaInfo(der(pki.ca.certificate), ocsp), EJBCA, authentication_only=authentication_only
    )


def test_the_issuer_is_found_by_name() -> None:
    pki = Pki()
    g = conf(replace(DEV, approved_cas=(approved(pki, authentication_only=True),)))
    issuer = g.issuer_of(pki.ocsp.certificate, "DEV", NOW)
    assert issuer.certificate == pki.ca.certificate
    assert issuer.ocsp_certificates == (pki.ocsp.certificate,)
    assert issuer.ocsp_urls == ("http://ocsp", "http://ocsp2")
    assert issuer.all_ca_certificates == g.all_ca_certificates(NOW) == (pki.ca.certificate,)
    assert (issuer.profile, issuer.authentication_only) == (EJBCA, True)


def test_an_issuer_counts_in_its_own_instance_only() -> None:
    pki = Pki()
    g = conf(replace(DEV, approved_cas=(approved(pki),)))
    for instance in ("PAR", "ZZ"):
        with pytest.raises(TrustError) as refused:
            g.issuer_of(pki.ocsp.certificate, instance, NOW)
        assert refused.value.code == "internal_error"


def test_the_issuer_is_found_as_names_compare() -> None:
    """RFC 5280 7.1, by the same folding as everywhere (`sild.pki`): a CA that came to write itself otherwise."""
    pki = Pki()
    spelled = Credential(
        pki.issue(CertificateProfile.ROOT_CA, name(O="TEST", CN=" test  ca"), kind="ec-p384").certificate,
        pki.ca.key,
    )
    member = pki.issue(CertificateProfile.SIGN, name(CN="1"), issuer=spelled).certificate
    assert member.issuer != pki.ca.certificate.subject
    g = conf(replace(DEV, approved_cas=(approved(pki),)))
    assert g.issuer_of(member, "DEV", NOW).certificate == pki.ca.certificate


def test_two_cas_of_one_name_are_told_apart_by_their_keys() -> None:
    """A CA that changed its key; the reference keeps only the last of them."""
    old, new = Pki("ec-p256"), Pki("ec-p384")
    assert old.ca.certificate.subject == new.ca.certificate.subject
    g = conf(replace(DEV, approved_cas=(approved(old), approved(new))))
    assert g.issuer_of(old.tsa.certificate, "DEV", NOW).certificate == old.ca.certificate
    assert g.issuer_of(new.tsa.certificate, "DEV", NOW).certificate == new.ca.certificate
    other = Pki("rsa-2048")
    with pytest.raises(TrustError):
        g.issuer_of(other.tsa.certificate, "DEV", NOW)


def test_one_broken_certificate_disables_itself_only() -> None:
    pki = Pki()
    broken = ApprovedCA("Broken", CaInfo(b"not a certificate"), EJBCA)
    tsas = (
        ApprovedTSA("TSA", "http://tsa", b"broken"),
        ApprovedTSA("TSA", "http://tsa", der(pki.tsa.certificate)),
    )
    g = conf(replace(DEV, approved_cas=(broken, approved(pki)), approved_tsas=tsas))
    assert g.ca_certificates("DEV", NOW) == (pki.ca.certificate,)
    assert g.tsa_certificates(NOW) == (pki.tsa.certificate,)
    assert g.approved_tsas("DEV", NOW) == tsas


def test_whom_a_sign_certificate_speaks_for() -> None:
    pki = Pki()
    profile = "ee.ria.xroad.common.certificateprofile.impl.FiVRKCertificateProfileInfoProvider"
    g = conf(replace(DEV, approved_cas=(replace(approved(pki), certificate_profile_info=profile),)))
    certificate = pki.sign_credential("DEV", "COM", "1").certificate
    assert g.client_id_of(certificate, ONE_A, NOW) == ONE
    with pytest.raises(TrustError):
        g.client_id_of(certificate, PARTNER, NOW)


# -- size --------------------------------------------------------------------------------------------------------------


def test_what_did_not_change_is_not_indexed_again() -> None:
    first = conf()
    again = GlobalConf("DEV", {"DEV": (DEV, SOON + timedelta(minutes=1))}, previous=first)
    assert again._indexes["DEV"] is first._indexes["DEV"]
    changed = GlobalConf("DEV", {"DEV": (replace(DEV, ocsp_freshness_seconds=1), SOON)}, previous=first)
    assert changed._indexes["DEV"] is not first._indexes["DEV"]


def _microseconds(call: Callable[[], object]) -> float:
    rounds = []
    for _ in range(15):
        start = time.perf_counter()
        for _ in range(200):
            call()
        rounds.append(time.perf_counter() - start)
    return min(rounds) / 200 * 1e6


def test_answers_cost_the_same_for_ten_members_and_ten_thousand() -> None:
    costs = []
    for members in (10, 10_000):
        g = GlobalConf(INSTANCE, {INSTANCE: (large_parameters(members), SOON)})
        client = replace(member_id(members - 1), subsystem_code="sub1")
        server = g.servers_of(client, NOW)[0]
        group = GlobalGroupId(INSTANCE, "all")

        def ask() -> None:
            g.member_name(client, NOW)  # noqa: B023
            g.servers_of(client, NOW)  # noqa: B023
            g.is_server_client(server.id, client, NOW)  # noqa: B023
            g.server_of_auth_certificate(b"unknown", NOW)  # noqa: B023
            g.in_global_group(group, client, NOW)  # noqa: B023

        costs.append(_microseconds(ask))
    assert costs[1] < 3 * costs[0] + 5, costs
