"""The ward's pages: log in, write a notice of a birth or a death, sign it, see what became of it. They work without JavaScript.

A service of the hospital's own: a client of the identity provider as the portal is, with its own session and log-out. Who has none of the
hospital's roles (`WardSettings.roles`) sees no notices; of deaths doctors alone write (`death_roles`); from a device that is not the hospital's nothing is written.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from sild.clock import Clock
from sild.design import stylesheet
from sild.errors import CallerError, PlatformError, TrustError, Unavailable
from sild.identity_client import LoginRefused, PenRefused, RelyingParty, new_secret
from sild.openid import parse_parameters
from sild.registries.hospital.pages import HEADERS, WardPages, form_of, read_birth, read_death
from sild.registries.hospital.register import HospitalRegister, Notice
from sild.registries.hospital.sessions import Midwife, WardSessions
from sild.registries.hospital.settings import WardSettings
from sild.registries.hospital.signing import Signing
from sild.telemetry import get_logger

__all__ = ["make_ward"]

log = get_logger("ward")

SESSION_COOKIE, BROWSER_COOKIE = "__Host-ward", "__Host-ward-browser"
HOME = "/ward/"


def make_ward(register: HospitalRegister, settings: WardSettings) -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    ward = _Ward(register, settings, lambda: register.kernel.now)
    add = app.add_api_route
    add("/ward/", ward.show, methods=["GET"])
    add("/ward/ward.css", _css, methods=["GET"])
    add("/ward/login", ward.login, methods=["POST"])
    add("/ward/callback", ward.callback, methods=["GET"])
    add("/ward/logout", ward.logout, methods=["POST"])
    add("/ward/logged-out", ward.logged_out, methods=["GET"])
    add("/ward/backchannel-logout", ward.logged_out_there, methods=["POST"])
    add("/ward/births", ward.births, methods=["POST"])
    add("/ward/deaths", ward.deaths, methods=["POST"])
    add("/ward/notices/{key}/sign", ward.sign, methods=["POST"])
    add("/ward/notices/{key}/withdraw", ward.withdraw, methods=["POST"])
    add("/ward/signed", ward.signed, methods=["GET"])
    return app


def _css() -> Response:
    return Response(stylesheet(), media_type="text/css")


class _Ward:
    def __init__(self, register: HospitalRegister, settings: WardSettings, clock: Clock) -> None:
        self._register = register
        self._settings = settings
        self._provider = RelyingParty(settings.provider, clock)
        self._sessions = WardSessions(settings, register.kernel.engine, self._provider, clock)
        self._signing = Signing(register, settings.pen)
        self._pages = WardPages(register, settings)

    # --- to read

    async def show(self, request: Request) -> Response:
        midwife = await self._sessions.find(request.cookies.get(SESSION_COOKIE), acts=False)
        return await self._page(request, midwife)

    async def _page(
        self,
        request: Request,
        midwife: Midwife | None,
        *,
        said: str = "",
        good: bool = False,
        kept: dict[str, str] | None = None,
        status: int = 200,
    ) -> HTMLResponse:
        """said: a key of the texts, or what somebody said."""
        token = "" if midwife is None else _form_token(midwife.cookie)
        return await asyncio.to_thread(
            self._pages.render, request, midwife, token, said=said, good=good, kept=kept, status=status
        )

    # --- log-in and log-out

    async def login(self, request: Request) -> Response:
        if not _is_ours(request):
            return _elsewhere()
        return await self._to_provider(request)

    async def _to_provider(self, request: Request, kept: dict[str, str] | None = None) -> Response:
        browser = request.cookies.get(BROWSER_COOKIE) or new_secret()
        whose = await self._sessions.subject_before(request.cookies.get(SESSION_COOKIE))
        try:
            url = await self._sessions.begin(
                browser, self._pages.language(request), None if whose is None else kept, whose
            )
        except Unavailable as error:
            log.refusal("ward.login", error)
            return await self._page(request, None, said="identity_provider_down", status=503)
        answer = RedirectResponse(url, 303, headers=HEADERS)
        _set(answer, BROWSER_COOKIE, browser)
        return answer

    async def callback(self, request: Request) -> Response:
        query = dict(request.query_params)
        try:
            back = await self._sessions.come_back(
                query,
                request.cookies.get(BROWSER_COOKIE, ""),
                instead_of=request.cookies.get(SESSION_COOKIE),
            )
        except (LoginRefused, TrustError, Unavailable) as error:
            log.refusal("ward.login", error)
            if error.code == "user_cancel":
                return RedirectResponse(HOME, 303, headers=HEADERS)
            down = isinstance(error, Unavailable)
            said = "identity_provider_down" if down else "login_refused"
            return await self._page(request, None, said=said, status=503 if down else 400)
        answer = RedirectResponse(f"{HOME}?lang={back.language}", 303, headers=HEADERS)
        _set(answer, SESSION_COOKIE, back.cookie)
        return answer

    async def logout(self, request: Request) -> Response:
        """Here at once, and at the provider, which tells the other services."""
        cookie = request.cookies.get(SESSION_COOKIE, "")
        if not _is_ours(request) or not _token_fits(await form_of(request), cookie):
            return _elsewhere()
        id_token = await self._sessions.end(cookie)
        url = HOME
        if id_token is not None:
            try:
                url = await self._provider.logout_url(id_token)
            except (TrustError, Unavailable) as error:  # the session here is over all the same
                log.refusal("ward.logout", error)
        answer = RedirectResponse(url, 303, headers=HEADERS)
        answer.delete_cookie(SESSION_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
        return answer

    async def logged_out(self) -> Response:
        return RedirectResponse(HOME, 303, headers=HEADERS)

    async def logged_out_there(self, request: Request) -> Response:
        """Back-Channel Logout 1.0, 2.5 to 2.8."""
        try:
            form = parse_parameters(list((await form_of(request) or {}).items()))
            subject, sid = await self._provider.logout_token(form.get("logout_token", ""))
        except Unavailable:
            return Response(status_code=503)
        except PlatformError as error:
            log.refusal("ward.backchannel_logout", error)
            return Response(status_code=400)
        await self._sessions.end_of_sid(subject, sid)
        return Response(status_code=200, headers={"Cache-Control": "no-store"})

    # --- to write

    async def births(self, request: Request) -> Response:
        async def write(midwife: Midwife, form: dict[str, str]) -> Response:
            birth = read_birth(form)
            notice = await asyncio.to_thread(
                self._register.note_birth, birth, author=midwife.code, token=form.get("token", "")
            )
            await self._sessions.forget_kept(midwife.cookie)
            return await self._to_sign(request, midwife, notice)

        return await self._written(request, write)

    async def deaths(self, request: Request) -> Response:
        async def write(midwife: Midwife, form: dict[str, str]) -> Response:
            if not midwife.tells_of_deaths(self._settings):
                return await self._page(request, midwife, said="not_of_deaths", kept=form, status=403)
            person, full_name, died = read_death(form)
            notice = await asyncio.to_thread(
                self._register.note_death,
                person,
                died,
                author=midwife.code,
                token=form.get("token", ""),
                full_name=full_name,
            )
            await self._sessions.forget_kept(midwife.cookie)
            return await self._to_sign(request, midwife, notice)

        return await self._written(request, write)

    async def sign(self, request: Request, key: int) -> Response:
        async def write(midwife: Midwife, _form: dict[str, str]) -> Response:
            return await self._to_sign(request, midwife, await asyncio.to_thread(self._register.notice, key))

        return await self._written(request, write)

    async def withdraw(self, request: Request, key: int) -> Response:
        async def write(midwife: Midwife, _form: dict[str, str]) -> Response:
            await asyncio.to_thread(self._register.withdraw, key, midwife.code)
            return self._home(request)

        return await self._written(request, write)

    async def _written(
        self, request: Request, write: Callable[[Midwife, dict[str, str]], Awaitable[Response]]
    ) -> Response:
        """What a midwife does by a form of ours; the answer is a redirect, so that going back or reloading does nothing twice."""
        cookie = request.cookies.get(SESSION_COOKIE, "")
        form = await form_of(request)
        if form is None:
            return Response("the form is too large", status_code=413)
        if not _is_ours(request) or not _token_fits(form, cookie):
            return _elsewhere()
        try:
            midwife = await self._sessions.find(cookie, acts=True)
        except Unavailable as error:
            log.refusal("ward.session", error)
            before = await self._sessions.find(cookie, acts=False)
            return await self._page(request, before, said="identity_provider_down", kept=form, status=503)
        if midwife is None:
            return await self._to_provider(request, form)
        if midwife.role(self._settings) is None or not midwife.is_managed:
            return await self._page(request, midwife, said="not_allowed", kept=form, status=403)
        try:
            return await write(midwife, form)
        except CallerError as refusal:
            said = self._pages.said(refusal)
            return await self._page(request, midwife, said=said, kept=form, status=422)

    # --- signing

    async def _to_sign(self, request: Request, midwife: Midwife, notice: Notice) -> Response:
        if not notice.is_to_be_signed and notice.author == midwife.code:
            return self._home(request)  # the form again, of a notice that is on its way
        try:
            language = self._pages.language(request)
            address = await self._signing.ask(notice, midwife.code, midwife.subject, language)
        except Unavailable as error:
            log.refusal("ward.sign", error)
            return await self._page(request, midwife, said="signing_down", status=503)
        return RedirectResponse(address, 303, headers=HEADERS)

    async def signed(self, request: Request) -> Response:
        """From the signing service (CSC API v2 8.4.3): the state is one that this ward gave to this person."""
        query = request.query_params
        cookie = request.cookies.get(SESSION_COOKIE)
        midwife = await self._sessions.find(cookie, acts=False)
        if midwife is None:
            return await self._page(request, None, said="log_in_to_sign", status=401)
        if query.get("iss", self._settings.provider.issuer) != self._settings.provider.issuer:
            return await self._page(request, midwife, said="not_signed", status=400)
        if "error" in query:
            return await self._page(request, midwife, said="not_signed")
        try:
            await self._signing.finish(query.get("state", ""), query.get("code", ""), midwife.code)
        except Unavailable as error:
            log.refusal("ward.sign", error)
            return await self._page(request, midwife, said="signing_down", status=503)
        except (CallerError, PenRefused, TrustError) as error:
            log.refusal("ward.sign", error)
            return await self._page(request, midwife, said="not_signed", status=400)
        return self._home(request)

    def _home(self, request: Request) -> Response:
        return RedirectResponse(f"{HOME}?lang={self._pages.language(request)}", 303, headers=HEADERS)


def _set(answer: Response, name: str, value: str) -> None:
    """`__Host-`: this host alone, over TLS, all paths (RFC 6265bis 4.1.3.2); no script reads it."""
    answer.set_cookie(name, value, path="/", secure=True, httponly=True, samesite="lax")


def _form_token(cookie: str) -> str:
    return hmac.new(cookie.encode(), b"form", hashlib.sha256).hexdigest()


def _token_fits(form: dict[str, str] | None, cookie: str) -> bool:
    """Of a session that has ended the cookie is still there: what was written is not lost then."""
    given = (form or {}).get("form_token", "")
    return bool(cookie) and hmac.compare_digest(given.encode(), _form_token(cookie).encode())


def _is_ours(request: Request) -> bool:
    """A form from a page of ours (CSRF)."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def _elsewhere() -> Response:
    return Response("not from this page", status_code=403, headers=HEADERS)
