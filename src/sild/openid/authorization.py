"""Authorization requests: the code flow with PKCE S256 and nothing else (OpenID Connect Core 3.1.2, RFC 7636, RFC 9700 2.1.1).

In two steps, because the order decides who is told: while client and redirect_uri are not certain, only the person in
front of the browser is told (`find_redirect_uri`); afterwards the client is (`parse_authorization_request`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sild.openid.clients import SIGNING_SCOPE, Client
from sild.openid.errors import OpenIDError
from sild.openid.levels import LevelOfAssurance

__all__ = [
    "AuthorizationRequest",
    "find_redirect_uri",
    "parse_authorization_request",
    "parse_parameters",
    "parse_scope",
    "verify_code_verifier",
]

MAX_VALUE = 2_048
MAX_TOKEN = 32_768
LONG = ("subject_token", "documents")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)  # base64url of a SHA-256
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)
_SUBJECT = re.compile(r"[A-Z]{2}[A-Za-z0-9:._/+-]{1,254}", re.ASCII)
_PROMPTS = ("none", "login", "consent", "select_account")
_REFUSED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request all of whose parameters were checked. representee: subject asked for by scope `representee.{subject}`."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None
    nonce: str | None
    code_challenge: str
    prompts: tuple[str, ...]
    max_age: int | None
    level: LevelOfAssurance
    ui_locales: tuple[str, ...]
    representee: str | None
    login_hint: str | None

    def accepts_session(self, *, level: LevelOfAssurance, auth_time: datetime, at: datetime) -> bool:
        """Whether a session of this level and age answers the request without a new log-in (Core 3.1.2.1)."""
        if {"login", "select_account"} & set(self.prompts) or level < self.level:
            return False
        return self.max_age is None or at - auth_time <= timedelta(seconds=self.max_age)


def parse_parameters(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Each parameter at most once (RFC 6749 3.1); an empty one counts as absent. Raises OpenIDError."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise OpenIDError("a parameter stands twice")
        if len(value) > (MAX_TOKEN if name in LONG else MAX_VALUE) or len(name) > 100:
            raise OpenIDError("a parameter is too long")
        found[name] = value
    return {name: value for name, value in found.items() if value}


def find_redirect_uri(parameters: dict[str, str], client: Client) -> str:
    """The redirect_uri, compared character by character (RFC 9700 2.1, 4.1.3); it must be given even when one is registered."""
    redirect_uri = parameters.get("redirect_uri")
    if redirect_uri is None or redirect_uri not in client.redirect_uris:
        raise OpenIDError("redirect_uri is not one of the client's")
    return redirect_uri


def parse_authorization_request(parameters: dict[str, str], client: Client) -> AuthorizationRequest:
    """Check everything but the redirect_uri, which `find_redirect_uri` checked. Raises OpenIDError for the client to see."""
    for name, code in _REFUSED.items():
        if name in parameters:
            raise OpenIDError(f"{name} is not supported", code=code)
    if parameters.get("response_type") != "code":
        code = "unsupported_response_type" if "response_type" in parameters else "invalid_request"
        raise OpenIDError("response_type must be code", code=code)
    if parameters.get("response_mode", "query") != "query":
        raise OpenIDError("response_mode must be query")
    challenge = parameters.get("code_challenge", "")
    if parameters.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise OpenIDError("PKCE is needed: code_challenge with code_challenge_method S256")
    scopes, representee = parse_scope(parameters.get("scope", ""), client)
    prompts = tuple(parameters.get("prompt", "").split())
    if not set(prompts) <= set(_PROMPTS) or ("none" in prompts and len(prompts) > 1):
        raise OpenIDError("prompt must be none alone, or login, consent, select_account")
    if "claims" in parameters:
        _check_claims(parameters["claims"])
    return AuthorizationRequest(
        client_id=client.client_id,
        redirect_uri=parameters["redirect_uri"],
        scopes=scopes,
        state=parameters.get("state"),
        nonce=parameters.get("nonce"),
        code_challenge=challenge,
        prompts=prompts,
        max_age=_max_age(parameters.get("max_age")),
        level=_level(parameters.get("acr_values"), scopes, client),
        ui_locales=tuple(parameters.get("ui_locales", "").split()),
        representee=representee,
        login_hint=parameters.get("login_hint"),
    )


def parse_scope(scope: str, client: Client) -> tuple[tuple[str, ...], str | None]:
    """Scopes in their order and the representee asked for. What the client may not have is refused, not dropped."""
    scopes = tuple(dict.fromkeys(scope.split(" "))) if scope else ()
    if "openid" not in scopes:
        raise OpenIDError("scope must contain openid", code="invalid_scope")
    representees = [one.removeprefix("representee.") for one in scopes if one.startswith("representee.")]
    plain = tuple(one for one in scopes if not one.startswith("representee."))
    if not set(plain) <= {*client.scopes, "openid"} - {SIGNING_SCOPE} or (
        representees and "representee" not in client.scopes
    ):
        raise OpenIDError("the client is not registered for this scope", code="invalid_scope")
    if len(representees) > 1 or (representees and not _SUBJECT.fullmatch(representees[0])):
        raise OpenIDError("one representee at a time: representee.{subject}", code="invalid_scope")
    return plain, representees[0] if representees else None


def verify_code_verifier(challenge: str, verifier: str | None) -> None:
    """RFC 7636 4.6. Raises OpenIDError (`invalid_grant`)."""
    if verifier is None or not _VERIFIER.fullmatch(verifier):
        raise OpenIDError("code_verifier is missing or malformed", code="invalid_grant")
    digest = hashlib.sha256(verifier.encode()).digest()
    found = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if not hmac.compare_digest(found, challenge):
        raise OpenIDError("code_verifier does not fit code_challenge", code="invalid_grant")


def _level(acr_values: str | None, scopes: tuple[str, ...], client: Client) -> LevelOfAssurance:
    """The least of the values asked for, never below the client's own; officials always log in at high."""
    asked = [LevelOfAssurance.from_acr(value) for value in (acr_values or "").split()]
    wanted = max(min(asked, default=LevelOfAssurance.SUBSTANTIAL), client.minimum_level)
    return LevelOfAssurance.HIGH if "official" in scopes else wanted


def _max_age(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise OpenIDError("max_age must be a number of seconds")
    return int(text)


def _check_claims(text: str) -> None:
    """The `claims` parameter (Core 5.5) may ask for what every token holds anyway; an essential claim we never give is refused."""
    try:
        wanted = json.loads(text)
        asked = {name: rule for place in wanted.values() for name, rule in (place or {}).items()}
        essential = [
            n for n, rule in asked.items() if isinstance(rule, dict) and rule.get("essential") is True
        ]
    except (ValueError, AttributeError, RecursionError) as error:
        raise OpenIDError("claims must be a JSON object of objects") from error
    if not set(essential) <= _KNOWN_CLAIMS:
        raise OpenIDError("an essential claim is not known here")


_KNOWN_CLAIMS = {
    "sub",
    "acr",
    "amr",
    "auth_time",
    "given_name",
    "family_name",
    "birthdate",
    "profile_attributes",
}
