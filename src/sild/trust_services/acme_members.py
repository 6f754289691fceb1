"""Whose sign certificates an external account may have: its subject rule read as X-Road reads a sign certificate.

A rule fixes the attributes it names and no others, while the certificate profile decides which of them make a member: with
`serialNumber` alone the member class would be the requester's choice. So the rule itself has to name a member, and so has
a request, the same one. Authentication and TLS certificates say nothing of members (the configuration registers the former).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from cryptography import x509

from sild.errors import CallerError, PlatformError
from sild.trust_services.acme_errors import AcmeProblem
from sild.xroad.globalconf import PROFILES, client_id_of_subject
from sild.xroad.identifiers import ClientId

__all__ = ["ensure_names_member", "ensure_same_member", "known_profile"]

_HERE = "-"  # the instance is the context's; it is the same on both sides


def known_profile(profile: str | None) -> str | None:
    """Raises CallerError for a name that X-Road's shared parameters do not know."""
    if profile is not None and profile not in PROFILES:
        raise CallerError(
            f"{profile!r} is no certificate profile; there are: {', '.join(sorted(PROFILES))}",
            code="bad_request",
        )
    return profile


def ensure_names_member(profile: str | None, subject: Mapping[str, str]) -> None:
    """subject: object identifiers and values, the rule of an account for sign certificates. Raises CallerError."""
    if profile is None:
        raise CallerError(
            "an external account for sign certificates needs to know what names a member: set certificate_profile of"
            " [acme] to the profile that the instance has registered for this authority"
        )
    try:
        _member_of_rule(profile, subject)
    except (PlatformError, ValueError) as error:
        said = error.message if isinstance(error, PlatformError) else str(error)
        raise CallerError(
            f"the subject names no member by {profile.rpartition('.')[2]}: {said}; add what is missing to subject"
        ) from error


def ensure_same_member(profile: str | None, subject: Mapping[str, str], requested: x509.Name) -> None:
    """Raises AcmeProblem (unauthorized) unless both name one member; accounts of before are judged here too."""
    try:
        if profile is None:
            raise CallerError("the authority has no certificate_profile")
        allowed, wanted = _member_of_rule(profile, subject), client_id_of_subject(profile, requested, _HERE)
    except (PlatformError, ValueError) as error:
        said = error.message if isinstance(error, PlatformError) else str(error)
        raise AcmeProblem(
            "unauthorized", f"external account and certificate request do not name one member: {said}"
        ) from error
    if allowed != wanted:
        raise AcmeProblem("unauthorized", "the external account is for another member")


def _member_of_rule(profile: str, subject: Mapping[str, str]) -> ClientId:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an instance identifier may stand where X.520 wants two letters
        attributes = [
            x509.NameAttribute(x509.ObjectIdentifier(oid), value, _validate=False)
            for oid, value in subject.items()
        ]
    return client_id_of_subject(profile, x509.Name(attributes), _HERE)
