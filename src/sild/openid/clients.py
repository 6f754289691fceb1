"""A registered client and what may stand in its registration (RFC 6749 2, RFC 7591 2, RFC 9700 2.1 and 4.1)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from sild.errors import CallerError
from sild.openid.levels import LevelOfAssurance

__all__ = [
    "OFFERED_SCOPES",
    "SIGNING_SCOPE",
    "Client",
    "ClientAuthentication",
    "SigningAlgorithm",
    "check_client",
]

ClientAuthentication = Literal["client_secret_basic", "private_key_jwt", "none"]
SigningAlgorithm = Literal["ES256", "RS256"]

SIGNING_SCOPE = "credential"
"""That a client may ask people for signatures (CSC API v2 8.2.2). Nobody logs in with it."""
OFFERED_SCOPES = ("openid", "profile", "representee", "representee_list", "official", "offline_access")
"""`representee` asks for the page where a person chooses whom to act for; `official` for roles, level high and device posture."""

_LOOPBACK_NAMES = ("localhost",)
_SECRETS = ("client_secret_basic",)


@dataclass(frozen=True, slots=True)
class Client:
    """authentication: how it proves itself at the token endpoint; `none`: a public client.  jwks: its public keys
    (RFC 7517), for `private_key_jwt`.  audiences: `aud` of its access tokens, beside the issuer.  refresh_tokens: may keep
    a session alive.  mandate_namespaces: whose mandates it may add and withdraw; `*` reads any mandate.  system, registers:
    the information system it is, and those to which it may prove who acts (`acting.py`); `INSTANCE/CLASS/CODE/SUBSYSTEM`.
    """

    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    authentication: ClientAuthentication
    jwks: str | None = None
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    scopes: tuple[str, ...] = ("openid",)
    audiences: tuple[str, ...] = ()
    id_token_signed_response_alg: SigningAlgorithm = "ES256"  # noqa: S105  an algorithm
    minimum_level: LevelOfAssurance = LevelOfAssurance.LOW
    refresh_tokens: bool = False
    introspection: bool = False
    mandate_namespaces: tuple[str, ...] = ()
    system: str | None = None
    registers: tuple[str, ...] = ()

    @property
    def is_public(self) -> bool:
        return self.authentication == "none"


def check_client(client: Client) -> None:
    """Refuse a registration that would weaken others. Raises CallerError (`invalid_client_metadata`, RFC 7591 3.2.2)."""
    if not client.client_id or not client.client_id.isascii() or not client.client_id.isprintable():
        raise _wrong("client_id must be printable ASCII")
    if ":" in client.client_id or len(client.client_id) > 200:
        raise _wrong("client_id must have no colon and at most 200 characters")
    for uri in (*client.redirect_uris, *client.post_logout_redirect_uris):
        _check_uri(uri)
    if client.backchannel_logout_uri is not None:
        _check_uri(client.backchannel_logout_uri)
    unknown = sorted(set(client.scopes) - {*OFFERED_SCOPES, SIGNING_SCOPE})
    if unknown:
        raise _wrong(f"no such scope: {', '.join(unknown)}")
    if (client.authentication == "private_key_jwt") != (client.jwks is not None):
        raise _wrong("jwks and private_key_jwt go together")
    if (client.system is None) != (not client.registers):
        raise _wrong("system and registers go together")
    if client.is_public and client.system is not None:
        raise _wrong("a public client cannot prove which information system it is")
    if client.is_public and (
        client.introspection or client.mandate_namespaces or SIGNING_SCOPE in client.scopes
    ):
        raise _wrong(
            "a public client can neither introspect, keep mandates nor ask for signatures: it cannot prove who it is"
        )


def _check_uri(uri: str) -> None:
    """Absolute, no fragment, no user name, no wildcard; https, or http on the loopback interface (RFC 8252 7.3)."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise _wrong(f"{uri!r} is no address") from error
    if "#" in uri or parts.username is not None or "*" in uri or not uri.isascii() or not uri.isprintable():
        raise _wrong(f"{uri!r} must have no fragment, user name or wildcard")
    if not host or parts.scheme not in ("https", "http"):
        raise _wrong(f"{uri!r} must be an absolute https address")
    if parts.scheme == "http" and not _is_loopback(host):
        raise _wrong(f"{uri!r} must be https outside this machine")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in _LOOPBACK_NAMES


def _wrong(message: str) -> CallerError:
    return CallerError(message, code="invalid_client_metadata")
