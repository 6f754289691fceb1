"""What a page of ours may rely on about the browser: its cookie, that a form is our own, and how refusals look to a person."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence

from starlette.responses import JSONResponse, Response

from sild.errors import CallerError, Unavailable
from sild.identity_provider.edge import BROWSER_COOKIE, Call, origin_of, secure, set_cookie
from sild.identity_provider.limits import TooMany
from sild.identity_provider.logins import LoginExpired, form_token
from sild.identity_provider.pages import Pages
from sild.identity_provider.settings import IdentityProviderSettings
from sild.identity_provider.store import new_secret
from sild.openid import OpenIDError, parse_parameters
from sild.telemetry import get_logger

__all__ = ["Browser", "ForgedForm"]

log = get_logger("identity_provider")


class ForgedForm(CallerError):
    """A form that none of our pages in this browser sent."""

    code = "forged_form"


class Browser:
    def __init__(self, settings: IdentityProviderSettings, pages: Pages) -> None:
        self._settings = settings
        self._pages = pages
        self._origins = {settings.issuer, settings.certificate_url or settings.issuer}

    def cookie(self, call: Call) -> str:
        """The browser's secret, made now if it has none yet; `page` and `keep` send it."""
        return call.cookies.get(BROWSER_COOKIE) or call.set_cookies.setdefault(BROWSER_COOKIE, new_secret())

    def keep(self, call: Call, response: Response) -> Response:
        for name, value in call.set_cookies.items():
            set_cookie(response, name, value)
        return response

    def page(
        self,
        call: Call,
        template: str,
        values: Mapping[str, object],
        *,
        purpose: str = "",
        status: int = 200,
        wanted: Sequence[str] = (),
        form_targets: Sequence[str] = (),
    ) -> Response:
        """purpose: what the page's forms are for (a log-in's identifier, or the session's); bound into their token."""
        token = form_token(self.cookie(call), purpose)
        response = self._pages.render(
            call, template, {**values, "form_token": token}, status=status, wanted=wanted
        )
        targets = [origin_of(target) for target in form_targets]
        if self._settings.certificate_url is not None:
            targets.append(self._settings.certificate_url)
        return self.keep(call, secure(response, https=True, form_targets=targets))

    def check_own(self, call: Call, purpose: str) -> dict[str, str]:
        """The fields of a form one of our pages showed in this browser (CSRF). Raises ForgedForm, OpenIDError."""
        self._check_origin(call)
        fields = parse_parameters(call.form)
        self._check_token(call, fields.get("form_token", ""), purpose)
        return fields

    def check_own_script(self, call: Call, purpose: str) -> None:
        """The same for our script, which sends JSON and the token in a header no foreign page can set unasked."""
        self._check_origin(call)
        if call.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise ForgedForm("the body must be JSON")
        self._check_token(call, call.headers.get("x-form-token", ""), purpose)

    def _check_origin(self, call: Call) -> None:
        origin = call.headers.get("origin")
        if origin is not None and origin not in self._origins:
            raise ForgedForm("the form was sent from elsewhere")
        if call.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "same-site"):
            raise ForgedForm("the form was sent from elsewhere")

    def _check_token(self, call: Call, token: str, purpose: str) -> None:
        cookie = call.cookies.get(BROWSER_COOKIE)
        if cookie is None or not hmac.compare_digest(token.encode(), form_token(cookie, purpose).encode()):
            raise ForgedForm("the form's token does not fit this browser")

    def refused(self, call: Call, error: Exception) -> Response:
        """A refusal as a page in the person's language, or as JSON for our script. What broke stays in the log."""
        status, reason = _reason(error)
        if isinstance(error, CallerError | Unavailable):
            log.refusal("identity_provider.refused", error, path=_route(call))
        elif status == 500:
            log.bug("identity_provider.failed", error, path=_route(call))
        else:
            log.warning("identity_provider.refused", code=getattr(error, "code", ""), path=_route(call))
        headers = {}
        if isinstance(error, Unavailable) and error.retry_after is not None:
            headers["Retry-After"] = str(int(error.retry_after) + 1)
        if call.headers.get("content-type", "").startswith("application/json"):
            return JSONResponse({"error": reason}, status, headers)
        response = self.page(call, "error.html", {"reason": reason}, status=status)
        response.headers.update(headers)
        return response


def _route(call: Call) -> str:
    """The path without the identifiers in it: they are nobody's business in a log."""
    path = call.path
    for value in call.parameters.values():
        path = path.replace(value, "*")
    return path


def _reason(error: Exception) -> tuple[int, str]:
    """Status, and the key of the text that explains it."""
    if isinstance(error, TooMany):
        return 429, "too_many"
    if isinstance(error, Unavailable):
        return 503, "unavailable"
    if isinstance(error, LoginExpired):
        return 400, "login_expired"
    if isinstance(error, ForgedForm):
        return 403, "forged_form"
    if isinstance(error, OpenIDError):
        return 400, "bad_request"
    known = {"certificate_not_good": "card_refused", "certificate_not_trusted": "card_refused",
             "invalid_signature_value": "card_refused", "malformed_token": "card_refused",
             "incorrect_certificate": "card_refused", "invalid_passkey": "passkey_refused",
             "access_denied": "not_allowed", "another_person": "another_person", "level_too_low": "level_too_low", "not_found": "bad_request", "bad_request": "bad_request"}  # fmt: skip
    code = getattr(error, "code", "")
    return (400, known[code]) if code in known else (500, "internal")
