"""A service of people as a client of the identity provider: authorization code with PKCE, identity tokens checked, refresh, logout.

OpenID Connect Core 3.1, RFC 7636, RFC 9207 (`iss` in the answer against mix-up), RFC 9700. Keys and addresses come from the
provider's discovery document and are asked for again after an hour, or at once when a token bears an unknown key.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

from sild.clock import Clock
from sild.errors import CallerError, PeerError, TrustError, Unavailable
from sild.http1 import Fetched, fetch
from sild.openid import (
    ACCESS_TOKEN,
    ACTING_TOKEN,
    TOKEN_EXCHANGE,
    CaseAccess,
    Claims,
    VerificationKeys,
    parse_jwks,
    verify_token,
    with_query,
)

__all__ = ["LoginRefused", "ProviderClient", "RelyingParty", "Tokens"]

ANSWER_SECONDS = 10.0
MAX_ANSWER = 256 * 1024
KEEP = timedelta(hours=1)


class LoginRefused(CallerError):
    """The identity provider said no, or what it said does not hold. code: OAuth's word where it gave one."""

    code = "login_refused"


@dataclass(frozen=True, slots=True)
class Tokens:
    """claims: of the verified identity token.  seconds: how long the access token is good; 0: the provider does not say."""

    claims: Claims
    access_token: str
    refresh_token: str | None
    id_token: str
    seconds: int

    @property
    def sealed(self) -> dict[str, str | int | None]:
        return {
            "access": self.access_token,
            "refresh": self.refresh_token,
            "id": self.id_token,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class _Provider:
    document: Mapping[str, str]
    keys: VerificationKeys
    at: datetime


@dataclass(frozen=True, slots=True)
class ProviderClient:
    """As which a service is registered. issuer: an origin.  redirect_uri, logged_out_uri: of the service.  tls: of https; None: the system's."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    logged_out_uri: str
    tls: ssl.SSLContext | None = None


class RelyingParty:
    def __init__(self, settings: ProviderClient, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._known: _Provider | None = None
        self._asking = asyncio.Lock()
        pair = f"{quote_plus(settings.client_id)}:{quote_plus(settings.client_secret)}"
        self._authorization = b"Basic " + base64.b64encode(pair.encode())

    async def authorize_url(
        self, *, state: str, nonce: str, code_verifier: str, scope: str, language: str, fresh: bool = False
    ) -> str:
        """Where the browser goes to log in. fresh: the person shows again who they are (`prompt=login`)."""
        provider = await self._provider()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=")
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._settings.redirect_uri,
            "scope": scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
            "ui_locales": language,
        }
        if fresh:
            parameters["prompt"] = "login"
        return with_query(provider.document["authorization_endpoint"], parameters)

    async def redeem(self, code: str, *, code_verifier: str, nonce: str) -> Tokens:
        """Raises LoginRefused, TrustError (`invalid_token`), Unavailable."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._settings.redirect_uri,
            "code_verifier": code_verifier,
        }
        return await self._tokens(form, nonce=nonce)

    async def refresh(self, refresh_token: str, *, subject: str) -> Tokens:
        """The provider's word again: session, mandate, role and device still hold. Raises LoginRefused when one does not."""
        found = await self._tokens(
            {"grant_type": "refresh_token", "refresh_token": refresh_token}, nonce=None
        )
        if found.claims.get("sub") != subject:
            raise TrustError("the refreshed token is about somebody else", code="invalid_token")
        return found

    async def exchange(self, access_token: str, wanted: CaseAccess) -> str:
        """The provider's word about who acts in a case, for registers (RFC 8693). Raises LoginRefused, Unavailable."""
        provider = await self._provider()
        form = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": access_token,
            "subject_token_type": ACCESS_TOKEN,
            "authorization_details": json.dumps(wanted.to_json()),
        }
        content = self._granted(await self._call(provider.document["token_endpoint"], form))
        token = content.get("access_token")
        if not isinstance(token, str) or content.get("issued_token_type") != ACTING_TOKEN:
            raise PeerError("the identity provider's answer has no token", code="invalid_token")
        return token

    async def logout_url(self, id_token: str) -> str:
        provider = await self._provider()
        parameters: dict[str, str | None] = {
            "id_token_hint": id_token,
            "client_id": self._settings.client_id,
            "post_logout_redirect_uri": self._settings.logged_out_uri,
        }
        return with_query(provider.document["end_session_endpoint"], parameters)

    async def logout_token(self, token: str) -> tuple[str, str]:
        """Subject and `sid` of a logout token (Back-Channel Logout 2.6). Raises TrustError (`invalid_token`)."""
        claims = await self._verified(token, "logout+jwt")
        events = claims.get("events")
        if not isinstance(events, dict) or "http://schemas.openid.net/event/backchannel-logout" not in events:
            raise TrustError("no logout event", code="invalid_token")
        if "nonce" in claims or not isinstance(claims.get("sid"), str):
            raise TrustError("not a logout token", code="invalid_token")
        return str(claims.get("sub")), str(claims["sid"])

    async def _tokens(self, form: Mapping[str, str], *, nonce: str | None) -> Tokens:
        provider = await self._provider()
        content = self._granted(await self._call(provider.document["token_endpoint"], form))
        id_token, access_token = content.get("id_token"), content.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access_token, str):
            raise PeerError("the identity provider's answer has no tokens", code="invalid_token")
        claims = await self._verified(id_token, "JWT")
        if nonce is not None and claims.get("nonce") != nonce:
            raise TrustError("the token answers another log-in", code="invalid_token")
        digest = hashlib.sha256(access_token.encode()).digest()[:16]
        if claims.get("at_hash") != base64.urlsafe_b64encode(digest).rstrip(b"=").decode():
            raise TrustError("the two tokens do not belong together", code="invalid_token")
        if not isinstance(claims.get("sub"), str) or not isinstance(claims.get("sid"), str):
            raise TrustError("the token names nobody", code="invalid_token")
        refresh_token, seconds = content.get("refresh_token"), content.get("expires_in")
        return Tokens(
            claims,
            access_token,
            refresh_token if isinstance(refresh_token, str) else None,
            id_token,
            seconds if isinstance(seconds, int) else 0,
        )

    def _granted(self, answer: Fetched) -> dict[str, Any]:
        content = _json(answer)
        if answer.status != 200:
            code = str(content.get("error", "login_refused"))
            if answer.status >= 500 or code == "temporarily_unavailable":
                raise Unavailable("the identity provider cannot answer now", code="identity_provider_down")
            raise LoginRefused("the identity provider refused", code=code)
        return content

    async def _verified(self, token: str, kind: Any) -> Claims:  # TokenType, a literal of sild.openid's own
        provider = await self._provider()
        for attempt in (1, 2):
            try:
                return verify_token(
                    token,
                    provider.keys,
                    issuer=self._settings.issuer,
                    audience=self._settings.client_id,
                    at=self._clock(),
                    token_type=kind,
                )
            except TrustError:
                if attempt == 2 or self._clock() - provider.at < timedelta(seconds=10):
                    raise
                provider = await self._provider(anew=True)  # its keys may have changed
        raise AssertionError("unreachable")

    async def _provider(self, *, anew: bool = False) -> _Provider:
        async with self._asking:
            known = self._known
            if known is not None and not anew and self._clock() - known.at < KEEP:
                return known
            document = _json(await self._call(self._settings.issuer + "/.well-known/openid-configuration"))
            if document.get("issuer") != self._settings.issuer:
                raise TrustError("the discovery document is another issuer's", code="invalid_issuer")
            wanted = ("authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint")
            addresses = {name: str(document.get(name, "")) for name in wanted}
            if not all(address.startswith(self._settings.issuer + "/") for address in addresses.values()):
                raise TrustError("an address of the provider is not its own", code="invalid_issuer")
            keys = parse_jwks(_json(await self._call(addresses["jwks_uri"])))
            self._known = _Provider(addresses, keys, self._clock())
            return self._known

    async def _call(self, url: str, form: Mapping[str, str] | None = None) -> Fetched:
        headers = [(b"Accept", b"application/json")]
        body = None
        if form is not None:
            body = urlencode(form).encode()
            headers.append((b"Content-Type", b"application/x-www-form-urlencoded"))
            headers.append((b"Authorization", self._authorization))
        try:
            return await fetch(
                url,
                method="GET" if form is None else "POST",
                body=body,
                headers=headers,
                timeout=ANSWER_SECONDS,
                max_bytes=MAX_ANSWER,
                tls=self._settings.tls,
            )
        except (Unavailable, PeerError, TrustError) as error:
            raise Unavailable(
                "the identity provider does not answer", code="identity_provider_down"
            ) from error


def _json(answer: Fetched) -> dict[str, Any]:  # any JSON
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise Unavailable("the identity provider answers nonsense", code="identity_provider_down") from error
    if not isinstance(content, dict):
        raise Unavailable("the identity provider answers nonsense", code="identity_provider_down")
    return content
