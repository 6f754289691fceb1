"""The ACME server over HTTP (RFC 8555 7.1). `ACME_ROUTES` is the table of its resources and who may call them.

Every answer has a fresh nonce; every refusal is a problem document. A POST's URL is compared with what its signature says,
so the addresses clients use and `base_url` have to agree.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sild.errors import PlatformError, Unavailable
from sild.telemetry import get_logger
from sild.trust_services.acme import AcmeServer
from sild.trust_services.acme_accounts import Signed, Signer
from sild.trust_services.acme_errors import AcmeProblem
from sild.trust_services.acme_store import Account, Authorization, Order

__all__ = ["ACME_ROUTES", "acme_routes"]

log = get_logger("trust_services")

RENEWAL_INFO_SECONDS = 6 * 3600
Body = Callable[[Request], Awaitable[bytes]]
Handler = Callable[["AcmeHttp", Request], Awaitable[Response]]


class Signature:
    """Whose signature a resource asks for."""

    NONE = "everybody, unsigned"
    ACCOUNT = "the account's key, by kid"
    KEY = "a new key, by jwk"
    EITHER = "the account's key, or the certificate's"


@dataclass(frozen=True, slots=True)
class AcmeHttp:
    server: AcmeServer
    body: Body

    async def directory(self, _request: Request) -> Response:
        url, options = self.server.url, self.server.options
        meta: dict[str, Any] = {
            "externalAccountRequired": options.external_account_required,
            "profiles": {name: f"{profile.name} certificates" for name, profile in options.profiles.items()},
        }
        if options.terms_of_service is not None:
            meta["termsOfService"] = options.terms_of_service
        return JSONResponse(
            {
                "newNonce": url("new-nonce"),
                "newAccount": url("new-account"),
                "newOrder": url("new-order"),
                "revokeCert": url("revoke-cert"),
                "keyChange": url("key-change"),
                "renewalInfo": url("renewal-info"),
                "meta": meta,
            }
        )

    async def new_nonce(self, request: Request) -> Response:
        return Response(status_code=200 if request.method == "HEAD" else 204)

    async def new_account(self, request: Request) -> Response:
        signed, url = await self._signed(request, "key")
        account, is_new = await run_in_threadpool(self.server.accounts.new_account, signed, url)
        return self._account(account, 201 if is_new else 200)

    async def account(self, request: Request) -> Response:
        signed = await self._own_account(request)
        if signed.payload is None:
            return self._account(signed.owner)
        return self._account(await run_in_threadpool(self.server.accounts.update_account, signed))

    async def orders(self, request: Request) -> Response:
        signed = await self._own_account(request)
        return JSONResponse({"orders": await run_in_threadpool(self.server.account_urls, signed.owner.id)})

    async def _own_account(self, request: Request) -> Signed:
        signed, _ = await self._signed(request)
        if signed.owner.id != request.path_params["id"]:
            raise AcmeProblem("unauthorized", "the request is signed by another account")
        return signed

    async def key_change(self, request: Request) -> Response:
        signed, url = await self._signed(request)
        return self._account(await run_in_threadpool(self.server.accounts.change_key, signed, url))

    async def new_order(self, request: Request) -> Response:
        signed, _ = await self._signed(request)
        return self._order(await run_in_threadpool(self.server.orders.new_order, signed), 201)

    async def order(self, request: Request) -> Response:
        signed, _ = await self._signed(request)
        found = await run_in_threadpool(self.server.orders.order, signed.owner, request.path_params["id"])
        return self._order(found)

    async def finalize(self, request: Request) -> Response:
        signed, _ = await self._signed(request)
        agent = request.headers.get("user-agent", "")[:512]
        return self._order(
            await run_in_threadpool(self.server.orders.finalize, signed, request.path_params["id"], agent)
        )

    async def authorization(self, request: Request) -> Response:
        signed, _ = await self._signed(request)
        orders, authorization_id = self.server.orders, request.path_params["id"]
        if signed.payload is None:
            found = await run_in_threadpool(orders.authorization, signed.owner, authorization_id)
        else:
            found = await run_in_threadpool(orders.deactivate, signed.owner, authorization_id, signed.payload)
        return JSONResponse(self._authorization(found))

    async def challenge(self, request: Request) -> Response:
        signed, _ = await self._signed(request)
        found = await self.server.orders.answer_challenge(signed, request.path_params["id"])
        up = self.server.url("authorization", found.id)
        return JSONResponse(self._challenge(found), headers={"Link": f'<{up}>;rel="up"'})

    async def certificate(self, request: Request) -> Response:
        signed, _ = await self._signed(request)
        issued = await run_in_threadpool(
            self.server.orders.certificate, signed.owner, request.path_params["id"]
        )
        pem = x509.load_der_x509_certificate(issued.der).public_bytes(Encoding.PEM)
        return Response(pem, media_type="application/pem-certificate-chain")

    async def revoke_cert(self, request: Request) -> Response:
        signed, _ = await self._signed(request, "either")
        await run_in_threadpool(self.server.orders.revoke_certificate, signed)
        return Response()

    async def renewal_info(self, request: Request) -> Response:
        start, end = await run_in_threadpool(self.server.orders.renewal_window, request.path_params["id"])
        return JSONResponse(
            {"suggestedWindow": {"start": _time(start), "end": _time(end)}},
            headers={"Retry-After": str(RENEWAL_INFO_SECONDS)},
        )

    # -- what stands in a request and in an answer

    async def _signed(self, request: Request, signer: Signer = "account") -> tuple[Signed, str]:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip()
        if media_type != "application/jose+json":
            raise AcmeProblem("malformed", "requests are application/jose+json", status=415)
        url = self.server.options.base_url + request.url.path
        body = await self.body(request)
        return await run_in_threadpool(self.server.accounts.authenticate, body, url, signer), url

    def _account(self, account: Account, status: int = 200) -> Response:
        content = {
            "status": account.status,
            "contact": list(account.contact),
            "orders": self.server.url("account", account.id, "orders"),
        }
        return JSONResponse(content, status, {"Location": self.server.url("account", account.id)})

    def _order(self, order: Order, status: int = 200) -> Response:
        url = self.server.url
        content: dict[str, object] = {
            "status": order.status,
            "expires": _time(order.expires),
            "identifiers": [{"type": item.type, "value": item.value} for item in order.authorizations],
            "authorizations": [url("authorization", item.id) for item in order.authorizations],
            "finalize": url("order", order.id, "finalize"),
        }
        if order.profile is not None:
            content["profile"] = order.profile
        if order.not_after is not None:
            content["notAfter"] = _time(order.not_after)
        if order.problem is not None:
            content["error"] = order.problem
        if order.serial_number is not None:
            content["certificate"] = url("certificate", order.serial_number)
        headers = {"Location": url("order", order.id)}
        if order.status == "processing":
            headers["Retry-After"] = "1"
        return JSONResponse(content, status, headers)

    def _authorization(self, found: Authorization) -> dict[str, object]:
        return {
            "status": found.status,
            "expires": _time(found.expires),
            "identifier": {"type": found.type, "value": found.value},
            "challenges": [self._challenge(found)],
        }

    def _challenge(self, found: Authorization) -> dict[str, object]:
        content: dict[str, object] = {
            "type": "http-01",
            "url": self.server.url("challenge", found.id),
            "token": found.token,
            "status": found.status if found.status in ("pending", "valid") else "invalid",
        }
        if found.validated_at is not None:
            content["validated"] = _time(found.validated_at)
        if found.problem is not None:
            content["error"] = found.problem
        return content


ACME_ROUTES: tuple[tuple[str, str, Handler, str], ...] = (
    ("GET", "/acme/directory", AcmeHttp.directory, Signature.NONE),
    ("GET", "/acme/new-nonce", AcmeHttp.new_nonce, Signature.NONE),
    ("POST", "/acme/new-account", AcmeHttp.new_account, Signature.KEY),
    ("POST", "/acme/account/{id}", AcmeHttp.account, Signature.ACCOUNT),
    ("POST", "/acme/account/{id}/orders", AcmeHttp.orders, Signature.ACCOUNT),
    ("POST", "/acme/key-change", AcmeHttp.key_change, Signature.ACCOUNT),
    ("POST", "/acme/new-order", AcmeHttp.new_order, Signature.ACCOUNT),
    ("POST", "/acme/order/{id}", AcmeHttp.order, Signature.ACCOUNT),
    ("POST", "/acme/order/{id}/finalize", AcmeHttp.finalize, Signature.ACCOUNT),
    ("POST", "/acme/authorization/{id}", AcmeHttp.authorization, Signature.ACCOUNT),
    ("POST", "/acme/challenge/{id}", AcmeHttp.challenge, Signature.ACCOUNT),
    ("POST", "/acme/certificate/{id}", AcmeHttp.certificate, Signature.ACCOUNT),
    ("POST", "/acme/revoke-cert", AcmeHttp.revoke_cert, Signature.EITHER),
    ("GET", "/acme/renewal-info/{id}", AcmeHttp.renewal_info, Signature.NONE),
)
"""Method, path, handler, whose signature."""


def acme_routes(server: AcmeServer, body: Body, too_large: type[Exception]) -> list[Route]:
    """body: reads a whole body within limits, raising `too_large`, TimeoutError or ClientDisconnect."""
    http = AcmeHttp(server, body)
    return [
        Route(path, _guarded(handler, http, too_large), methods=[method])
        for method, path, handler, _ in ACME_ROUTES
    ]


def _guarded(
    handler: Handler, http: AcmeHttp, too_large: type[Exception]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            answer = await handler(http, request)
        except AcmeProblem as error:
            log.refusal("acme.refused", error, path=request.url.path)
            answer = _problem(error)
        except too_large:
            answer = _problem(AcmeProblem("malformed", "the body is too large", status=413))
        except (TimeoutError, ClientDisconnect):
            answer = _problem(AcmeProblem("malformed", "the body did not arrive", status=408))
        except Unavailable as error:
            log.refusal("acme.unavailable", error, path=request.url.path)
            answer = _problem(AcmeProblem("serverInternal", "try later", status=503))
        except PlatformError as error:
            log.refusal("acme.failed", error, path=request.url.path)
            answer = _problem(AcmeProblem("serverInternal", "internal error"))
        except Exception as error:  # noqa: BLE001  the protocol has a word for a bug, too
            log.bug("acme.failed", error, path=request.url.path)
            answer = _problem(AcmeProblem("serverInternal", "internal error"))
        answer.headers["Replay-Nonce"] = http.server.accounts.new_nonce()
        answer.headers["Cache-Control"] = "no-store"
        answer.headers.append("Link", f'<{http.server.url("directory")}>;rel="index"')
        return answer

    return endpoint


def _problem(error: AcmeProblem) -> Response:
    content: Mapping[str, object] = error.document()
    return Response(json.dumps(content), error.status, error.headers, media_type="application/problem+json")


def _time(at: datetime) -> str:
    return at.replace(microsecond=0).isoformat().replace("+00:00", "Z")
