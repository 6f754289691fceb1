"""Endpoints that programs call: discovery, keys, tokens, userinfo, introspection, revocation."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from sild.errors import CallerError, Unavailable
from sild.identity_provider.clients import Clients
from sild.identity_provider.edge import Call
from sild.identity_provider.grants import Grants
from sild.identity_provider.keys import SigningKeys
from sild.identity_provider.settings import IdentityProviderSettings
from sild.openid import TOKEN_EXCHANGE, Claims, Client, OpenIDError, discovery_document, parse_parameters
from sild.telemetry import get_logger

__all__ = ["Protocol", "json_refusal"]

log = get_logger("identity_provider")

PUBLIC = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
STATUS = {
    "invalid_client": 401,
    "invalid_token": 401,
    "access_denied": 403,
    "not_found": 404,
    "unprocessable": 422,
}


class Protocol:
    def __init__(
        self, settings: IdentityProviderSettings, clients: Clients, grants: Grants, keys: SigningKeys
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._grants = grants
        self._keys = keys

    def discovery(self, _call: Call) -> Response:
        document = discovery_document(self._settings.issuer, self._settings.languages)
        return JSONResponse(document, headers={**PUBLIC, "Cache-Control": "public, max-age=3600"})

    def jwks(self, _call: Call) -> Response:
        return JSONResponse(self._keys.jwks(), headers={**PUBLIC, "Cache-Control": "public, max-age=600"})

    def token(self, call: Call) -> Response:
        form = parse_parameters(call.form)
        client = self._clients.authenticate(call.headers, form, address=call.address)
        return JSONResponse(self._grant(client, form), headers={"Pragma": "no-cache"})

    def _grant(self, client: Client, form: Mapping[str, str]) -> Claims:
        grant_type = form.get("grant_type")
        if grant_type == "authorization_code":
            return self._grants.redeem_code(client, form)
        if grant_type == TOKEN_EXCHANGE:
            return self._grants.exchange(client, form)
        if grant_type != "refresh_token":
            raise OpenIDError("grant_type is not supported", code="unsupported_grant_type")
        if not client.refresh_tokens:
            raise OpenIDError("the client may not refresh", code="unauthorized_client")
        return self._grants.refresh(client, form)

    def userinfo(self, call: Call) -> Response:
        """The token stands in the Authorization header and nowhere else (RFC 9700 4.3.2)."""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise OpenIDError("a bearer token is needed", code="invalid_token")
        return JSONResponse(self._grants.userinfo(token.strip()))

    def introspect(self, call: Call) -> Response:
        form = parse_parameters(call.form)
        client = self._clients.authenticate(call.headers, form, address=call.address)
        if not client.introspection:
            raise OpenIDError("the client may not introspect", code="access_denied")
        return JSONResponse(self._grants.introspect(client, form.get("token", "")))

    def revoke(self, call: Call) -> Response:
        form = parse_parameters(call.form)
        client = self._clients.authenticate(call.headers, form, address=call.address)
        self._grants.revoke(client, form.get("token", ""))
        return Response(status_code=200)


def json_refusal(call: Call, error: Exception) -> Response:
    """RFC 6749 5.2, RFC 6750 3. A bug or a failing database shows nothing of itself."""
    if isinstance(error, Unavailable):
        log.refusal("identity_provider.unavailable", error, path=call.path)
        headers = {"Retry-After": str(int(error.retry_after or 1) + 1)}
        status = 429 if error.code == "temporarily_unavailable" and error.retry_after else 503
        return JSONResponse({"error": "temporarily_unavailable"}, status, headers)
    if not isinstance(error, CallerError):
        log.bug("identity_provider.failed", error, path=call.path)
        return JSONResponse({"error": "server_error"}, 500)
    log.refusal("identity_provider.refused", error, path=call.path)
    status = STATUS.get(error.code, 400)
    headers = {}
    if error.code == "invalid_token":
        headers["WWW-Authenticate"] = f'Bearer error="invalid_token", error_description="{error.message}"'
    elif status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="token"'
    return JSONResponse({"error": error.code, "error_description": error.message}, status, headers)
