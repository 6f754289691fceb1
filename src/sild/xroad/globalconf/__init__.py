"""The global configuration of X-Road: who is a member, which servers serve them, whom to trust (PR-GCONF).

Pure: reads, verifies, renders and answers; downloading and keeping is `configuration_client`'s. Any room above may call it.

parameters.py            what a configuration says, frozen values     documents.py    hardened XML, schemas
shared_parameters.py     shared-params.xml, v2 to v6                   certificates.py DER, PEM, hashes, names
sources.py               another source in shared-params.xml
private_parameters.py    private-params.xml, configuration anchors    optional_parts.py  MONITORING, FETCHINTERVAL, NEXTUPDATE
signed_directory.py      the signed list of files                     certificate_profiles.py  subject to member
certificate_requests.py  member to subject
snapshot.py              GlobalConf: the configuration in force, every question a dictionary look-up
"""

from sild.xroad.globalconf.certificate_profiles import PROFILES, client_id_of_subject
from sild.xroad.globalconf.certificate_requests import CertificateUse, subject_for
from sild.xroad.globalconf.certificates import auth_cert_hash
from sild.xroad.globalconf.optional_parts import (
    parse_fetch_interval,
    parse_monitoring,
    parse_next_update,
    render_fetch_interval,
    render_monitoring,
    render_next_update,
)
from sild.xroad.globalconf.parameters import (
    CURRENT_VERSION,
    MINIMUM_VERSION,
    AcmeServer,
    AnchorSource,
    ApprovedCA,
    ApprovedTSA,
    CaInfo,
    CentralService,
    ConfigurationAnchor,
    ConfigurationSource,
    CostType,
    CsrFormat,
    GlobalGroup,
    MaintenanceMode,
    ManagementService,
    Member,
    MemberClass,
    OcspInfo,
    PrivateParameters,
    SecurityServer,
    SharedParameters,
    Subsystem,
)
from sild.xroad.globalconf.private_parameters import (
    anchor_hash,
    parse_anchor,
    parse_private_parameters,
    render_anchor,
    render_private_parameters,
)
from sild.xroad.globalconf.shared_parameters import parse_shared_parameters, render_shared_parameters
from sild.xroad.globalconf.signed_directory import (
    FETCHINTERVAL,
    MONITORING,
    NEXTUPDATE,
    PRIVATE_PARAMETERS,
    SHARED_PARAMETERS,
    ConfigurationDirectory,
    ConfigurationFile,
    DirectoryPart,
    PreparedDirectory,
    SignedDirectory,
    content_location_prefix,
    parse_signed_directory,
    prepare_signed_directory,
    verify_signed_directory,
)
from sild.xroad.globalconf.snapshot import GlobalConf, TrustedIssuer
from sild.xroad.globalconf.sources import replace_sources

__all__ = [
    "CURRENT_VERSION",
    "FETCHINTERVAL",
    "MINIMUM_VERSION",
    "MONITORING",
    "NEXTUPDATE",
    "PRIVATE_PARAMETERS",
    "PROFILES",
    "SHARED_PARAMETERS",
    "AcmeServer",
    "AnchorSource",
    "ApprovedCA",
    "ApprovedTSA",
    "CaInfo",
    "CentralService",
    "CertificateUse",
    "ConfigurationAnchor",
    "ConfigurationDirectory",
    "ConfigurationFile",
    "ConfigurationSource",
    "CostType",
    "CsrFormat",
    "DirectoryPart",
    "GlobalConf",
    "GlobalGroup",
    "MaintenanceMode",
    "ManagementService",
    "Member",
    "MemberClass",
    "OcspInfo",
    "PreparedDirectory",
    "PrivateParameters",
    "SecurityServer",
    "SharedParameters",
    "SignedDirectory",
    "Subsystem",
    "TrustedIssuer",
    "anchor_hash",
    "auth_cert_hash",
    "client_id_of_subject",
    "content_location_prefix",
    "parse_anchor",
    "parse_fetch_interval",
    "parse_monitoring",
    "parse_next_update",
    "parse_private_parameters",
    "parse_shared_parameters",
    "parse_signed_directory",
    "prepare_signed_directory",
    "render_anchor",
    "render_fetch_interval",
    "render_monitoring",
    "render_next_update",
    "render_private_parameters",
    "render_shared_parameters",
    "replace_sources",
    "subject_for",
    "verify_signed_directory",
]
