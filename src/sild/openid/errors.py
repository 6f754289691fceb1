"""Refusals in OAuth's words (RFC 6749 4.1.2.1 and 5.2, OpenID Connect Core 3.1.2.6, RFC 6750 3.1, TARA 4.2)."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sild.errors import CallerError

__all__ = ["OpenIDError", "error_redirect", "with_query"]


class OpenIDError(CallerError):
    """`code` is OAuth's word: `invalid_request`, `invalid_client`, `invalid_grant`, `access_denied`, `login_required` ...

    The message goes to the client as `error_description`: ASCII, nothing secret or personal.
    """

    code = "invalid_request"

    def members(self) -> dict[str, str]:
        """The body of a JSON error answer."""
        return {"error": self.code, "error_description": self.message}


def error_redirect(error: OpenIDError, *, redirect_uri: str, state: str | None, issuer: str) -> str:
    """The address that tells a client of a refusal. Only for a `redirect_uri` that was checked."""
    return with_query(redirect_uri, {**error.members(), "state": state, "iss": issuer})


def with_query(uri: str, parameters: dict[str, str | None]) -> str:
    """`uri` with more query parameters behind its own; a parameter that is None is left out."""
    parts = urlsplit(uri)
    query = parse_qsl(parts.query, keep_blank_values=True)
    query += [(name, value) for name, value in parameters.items() if value is not None]
    return urlunsplit(parts._replace(query=urlencode(query)))
