"""A paper put in a wallet, on the wallet's side: OpenID4VCI 1.0, pre-authorized code flow.

metadata -> token (code and number) -> nonce -> credential (key proof) -> notification

The portal looks at everything once, and decides nothing: that the person acts, the identity provider says when the card is issued, out
of the log-in with which the offer was made; that the key is the wallet's, the register looks at again; and the register issues. So an
offer ends with the log-in, the mandate and the card. Tokens can be bound to a key of the wallet (DPoP); each issues once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, NoReturn
from urllib.parse import parse_qsl
from uuid import uuid4

from starlette.responses import JSONResponse, Response

from sild.cases import ExchangeAnswer
from sild.clock import Clock
from sild.errors import CallerError, PeerError, PlatformError, Unavailable
from sild.identity_client import LoginRefused, RelyingParty
from sild.openid import (
    CaseAccess,
    CredentialKind,
    HolderKey,
    OpenIDError,
    issuance_server_metadata,
    issuer_metadata,
    parse_credential_request,
    parse_notification,
    parse_parameters,
    parse_token_request,
    verify_dpop,
    verify_key_proof,
)
from sild.portal.nonces import Nonces
from sild.portal.pages import Pages
from sild.portal.papers import PaperPages
from sild.portal.ports import Exchange
from sild.portal.sessions import Sessions
from sild.portal.settings import PaperSource, PortalSettings
from sild.portal.visit import Visit
from sild.portal.wallet_offers import Token, WalletOffers
from sild.portal.wallet_pages import kind_of
from sild.telemetry import get_logger

__all__ = ["WalletIssuing"]

log = get_logger("portal")

PATIENCE_SECONDS = 8.0
MAX_BODY = 32 * 1024
MAX_TOKEN = 200
NO_STORE = {"Cache-Control": "no-store"}
BAD_PROOFS = ("proof_not_valid", "proof_used")

Endpoint = Callable[["WalletIssuing", Visit], Awaitable[Response]]


class NoToken(CallerError):
    """RFC 6750 3, RFC 9449 7.1. scheme: which the wallet has to use."""

    code = "invalid_token"

    def __init__(self, message: str, *, scheme: str = "DPoP", error: str | None = "invalid_token") -> None:
        super().__init__(message)
        self.scheme = scheme
        self.error = error


def for_wallets(endpoint: Endpoint) -> Endpoint:
    """Refusals in OAuth's words, in JSON."""

    @wraps(endpoint)
    async def answered(self: WalletIssuing, visit: Visit) -> Response:
        try:
            if len(visit.call.body) > MAX_BODY:
                raise OpenIDError("the body is too large")
            return await endpoint(self, visit)
        except OpenIDError as error:
            log.refusal("portal.wallet_refused", error)
            return JSONResponse(error.members(), 400, NO_STORE)
        except NoToken as error:
            log.refusal("portal.wallet_refused", error)
            told = f'{error.scheme} algs="ES256"' if error.scheme == "DPoP" else error.scheme
            if error.error is not None:
                told += f'{"," if error.scheme == "DPoP" else ""} error="{error.error}"'
            return Response(status_code=401, headers={**NO_STORE, "WWW-Authenticate": told})
        except Unavailable as error:
            log.refusal("portal.wallet_unavailable", error)
            body = {"error": "temporarily_unavailable", "error_description": "try again in a moment"}
            return JSONResponse(body, 503, {**NO_STORE, "Retry-After": "5"})

    return answered


class WalletIssuing:
    def __init__(
        self,
        pages: Pages,
        papers: PaperPages,
        offers: WalletOffers,
        nonces: Nonces,
        sessions: Sessions,
        provider: RelyingParty,
        exchange: Exchange,
        settings: PortalSettings,
        clock: Clock,
    ) -> None:
        self._pages = pages
        self._papers = papers
        self._offers = offers
        self._nonces = nonces
        self._sessions = sessions
        self._provider = provider
        self._exchange = exchange
        self._settings = settings
        self._clock = clock

    # --- what wallets read first

    async def issuer(self, visit: Visit) -> Response:
        """Credential issuer metadata, in all languages."""
        return self._public(issuer_metadata(self._kind(visit)))

    async def server(self, visit: Visit) -> Response:
        """Authorization server metadata (RFC 8414)."""
        return self._public(issuance_server_metadata(self._kind(visit)))

    def _public(self, document: dict[str, Any]) -> Response:
        headers = {"Cache-Control": "public, max-age=300", "Cross-Origin-Resource-Policy": "cross-origin"}
        return JSONResponse(document, headers=headers)

    # --- the flow

    @for_wallets
    async def token(self, visit: Visit) -> Response:
        kind = self._kind(visit)
        asked = parse_token_request(_form(visit), kind)
        proof = self._dpop(
            visit, f"{kind.issuer}/wallet/token"
        )  # the code works once, so what came with it is of no use again
        key = None if proof is None else proof.thumbprint
        found = await self._offers.redeem(
            kind.name, asked.code, asked.tx_code, key=key, with_details=asked.with_details
        )
        answer: dict[str, Any] = {
            "access_token": found.token,
            "token_type": "Bearer" if key is None else "DPoP",
            "expires_in": found.seconds,
        }
        if asked.with_details:
            detail = {"type": "openid_credential", "credential_configuration_id": kind.name}
            answer["authorization_details"] = [{**detail, "credential_identifiers": [kind.name]}]
        return JSONResponse(answer, headers=NO_STORE)

    @for_wallets
    async def nonce(self, visit: Visit) -> Response:
        self._kind(visit)
        return JSONResponse({"c_nonce": self._nonces.new()}, headers=NO_STORE)

    @for_wallets
    async def credential(self, visit: Visit) -> Response:
        kind, source = self._kind(visit), self._source(visit)
        token = await self._token(visit, f"{kind.issuer}/wallet/credential")
        if token.is_used or token.content is None or not await self._sessions.lives(token.session):
            raise NoToken("the token was used, or what it stands for has ended", scheme=_scheme(token))
        asked = parse_credential_request(visit.call.body, kind, with_details=token.with_details)
        holder = verify_key_proof(asked.proof, audience=kind.issuer, at=self._clock())
        if not self._nonces.is_ours(holder.once) or not await self._nonces.spend(holder.once):
            raise OpenIDError("the c_nonce is not good, or was used: ask for another", code="invalid_nonce")
        if not await self._offers.claim(token):
            raise NoToken("the token is being used", scheme=_scheme(token))
        credential = await self._issued(source, token, token.content, asked.proof, holder.once)
        await self._offers.done(token, issued=True)
        answer = {"credentials": [{"credential": credential}], "notification_id": token.offer}
        return JSONResponse(answer, headers=NO_STORE)

    @for_wallets
    async def notification(self, visit: Visit) -> Response:
        """What came of it in the wallet, for the person's page."""
        kind = self._kind(visit)
        token = await self._token(visit, f"{kind.issuer}/wallet/notification")
        told = parse_notification(visit.call.body)
        if told.id != token.offer or not token.is_used:
            raise OpenIDError("no such credential was issued", code="invalid_notification_id")
        await self._offers.told(token, told.event)
        return Response(status_code=204, headers=NO_STORE)

    # --- parts of it

    async def _token(self, visit: Visit, url: str) -> Token:
        """The access token of a request, and that its sender may use it. Raises NoToken, OpenIDError (`invalid_dpop_proof`)."""
        scheme, _, text = visit.call.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "dpop") or not 0 < len(text) <= MAX_TOKEN:
            raise NoToken("there is no access token", error=None)
        found = await self._offers.token(visit.call.parameters["paper"], text)
        if found is None:
            raise NoToken("the access token is not good, or no longer")
        if (found.key is None) is (scheme.lower() == "dpop"):
            raise NoToken("the access token is of another kind", scheme=_scheme(found))
        if found.key is not None:
            proof = self._dpop(visit, url, text)
            if proof is None or proof.thumbprint != found.key:
                raise NoToken("the access token is another key's")
            if not await self._nonces.spend(f"dpop {proof.thumbprint} {proof.once}", until=proof.ends):
                raise OpenIDError("the DPoP proof was used before", code="invalid_dpop_proof")
        return found

    def _dpop(self, visit: Visit, url: str, access_token: str | None = None) -> HolderKey | None:
        """The key that the request proves; None: it proves none. Raises OpenIDError (`invalid_dpop_proof`)."""
        given = visit.call.headers.get("dpop")
        if given is None:
            return None
        return verify_dpop(given, method="POST", url=url, at=self._clock(), access_token=access_token)

    async def _issued(
        self, source: PaperSource, token: Token, said: Any, proof: str, nonce: str
    ) -> str:  # said: as WalletPages wrote it
        """The register's answer. What may be tried again leaves the token unused; else it is over.

        Raises OpenIDError (`credential_request_denied`, `invalid_proof`), Unavailable.
        """
        try:
            answer = await self._bind(source, said, {"proof": proof, "nonce": nonce})
        except (Unavailable, TimeoutError) as error:
            await self._offers.release(token)
            raise Unavailable(f"{source.subsystem} or the log-in cannot be asked", code="timeout") from error
        except CallerError as error:
            if error.code in BAD_PROOFS:
                await self._offers.release(token)
                raise OpenIDError("the register does not take the key proof", code="invalid_proof") from error
            await self._denied(token, error)
        except PlatformError as error:
            await self._denied(token, error)
        found = answer.json.get("credential") if isinstance(answer.json, dict) else None
        if not isinstance(found, str):
            await self._denied(token, PeerError("not a credential", code="bad_paper"))
        return found

    async def _denied(self, token: Token, error: PlatformError) -> NoReturn:
        await self._offers.done(token, issued=False)
        log.refusal("portal.wallet_denied", error)
        raise OpenIDError("the register does not issue it", code="credential_request_denied") from error

    async def _bind(self, source: PaperSource, said: Any, body: dict[str, str]) -> ExchangeAnswer:
        """As the person's word, proved by the log-in that made the offer, as it is at this moment."""
        wallet = source.wallet
        assert wallet is not None, "kind_of has looked"
        register = self._exchange.system(source.subsystem)
        wanted = CaseAccess(said["case"], (register,), "act", (wallet.operation,))
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                proof = await self._provider.exchange(said["access_token"], wanted)
            except LoginRefused as refusal:
                raise CallerError("the log-in or the mandate has ended", code=refusal.code) from refusal
            return await self._exchange.call(
                source.subsystem,
                "POST",
                said["path"],
                body=body,
                case=said["case"],
                basis=self._settings.own_data_basis,
                acting=said["person"],
                represented=said["represented"],
                message_id=str(uuid4()),
                proof=proof,
            )

    def _kind(self, visit: Visit) -> CredentialKind:
        return kind_of(self._pages, self._source(visit), self._settings)

    def _source(self, visit: Visit) -> PaperSource:
        return self._papers.source(visit.call.parameters["paper"])


def _scheme(token: Token) -> str:
    return "Bearer" if token.key is None else "DPoP"


def _form(visit: Visit) -> dict[str, str]:
    """Each parameter once (RFC 6749 3.2). Raises OpenIDError."""
    kind = visit.call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise OpenIDError("the body must be a form")
    try:
        pairs = parse_qsl(visit.call.body.decode("ascii"), max_num_fields=20, errors="strict")
    except ValueError as error:
        raise OpenIDError("the form cannot be read") from error
    return parse_parameters(pairs)
