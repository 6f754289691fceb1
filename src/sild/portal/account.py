"""Logging in and out, acting for somebody else, settings, push."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from starlette.responses import JSONResponse, RedirectResponse, Response

from sild.errors import CallerError, Unavailable
from sild.identity_client import LoginRefused, RelyingParty
from sild.openid import parse_parameters
from sild.portal.dialogues import Dialogues
from sild.portal.edge import (
    BROWSER_COOKIE,
    SESSION_COOKIE,
    clear_cookie,
    forget_drafts,
    local_path,
    redirect,
    set_cookie,
)
from sild.portal.kept_forms import KeptForms
from sild.portal.pages import Pages
from sild.portal.push import PushAddress, WebPush
from sild.portal.sessions import Sessions
from sild.portal.visit import Visit, actor_of

__all__ = ["Account", "to_login"]


class Account:
    def __init__(
        self,
        pages: Pages,
        sessions: Sessions,
        provider: RelyingParty,
        kept: KeptForms,
        push: WebPush,
        issuer: str,
        dialogues: Dialogues,
        *,
        has_mandates: bool,
    ) -> None:
        self._pages = pages
        self._sessions = sessions
        self._provider = provider
        self._kept = kept
        self._push = push
        self._issuer = issuer
        self._dialogues = dialogues
        self._has_mandates = has_mandates

    async def login(self, visit: Visit) -> Response:
        form = visit.call.form
        scope = "openid official" if form.get("as") == ["official"] else "openid"
        return await self._to_provider(visit, scope, local_path(form.get("return_to", [""])[-1]))

    async def acting(self, visit: Visit) -> Response:
        """To the provider's page where people choose whom to act for, or back to oneself."""
        whom = visit.call.form.get("whom", [""])[-1]
        scopes = [
            "openid",
            *(["representee"] if whom == "choose" else []),
            *(["official"] if visit.offices else []),
        ]
        return await self._to_provider(visit, " ".join(scopes), "/home")

    async def _to_provider(self, visit: Visit, scope: str, return_to: str) -> Response:
        url = await self._sessions.begin_login(
            visit.browser,
            scope=scope,
            return_to=return_to,
            language=visit.language,
            instead_of=visit.call.cookies.get(SESSION_COOKIE),
            fresh=False,
        )
        return self._pages.keep(visit, redirect(url))

    async def callback(self, visit: Visit) -> Response:
        """The provider sends the browser back (RFC 6749 4.1.2, RFC 9207). Only in the browser that began it, once."""
        query = visit.call.query
        begun = await self._sessions.take_login(
            query.get("state", ""), visit.call.cookies.get(BROWSER_COOKIE)
        )
        if query.get("iss") != self._issuer:
            raise LoginRefused("the answer is another provider's", code="mixed_up")
        if "error" in query:
            if query["error"] == "user_cancel":
                return redirect("/" if visit.session is None else "/home")
            raise LoginRefused("the identity provider refused", code=query["error"][:50])
        tokens = await self._provider.redeem(
            query.get("code", ""), code_verifier=begun.code_verifier, nonce=begun.nonce
        )
        session = await self._sessions.start(tokens, begun.instead_of)
        browser = visit.call.cookies.get(BROWSER_COOKIE, "")
        await self._dialogues.claim(browser, actor_of(session, visit.language))
        kept_path = await self._kept.put_back(visit, session)
        response = redirect(kept_path or begun.return_to)
        set_cookie(response, SESSION_COOKIE, session.cookie)
        return response

    async def logout(self, visit: Visit) -> Response:
        """Here at once, and at the provider, which tells the other services."""
        cookie = visit.call.cookies.get(SESSION_COOKIE, "")
        id_token = await self._sessions.end(cookie, "logged_out")
        url = "/logged-out"
        if id_token is not None:
            try:
                url = await self._provider.logout_url(id_token)
            except Unavailable:
                pass  # here the person is out; the provider's own session ends by time
        response = redirect(url)
        clear_cookie(response, SESSION_COOKIE)
        forget_drafts(response)
        return response

    async def backchannel_logout(self, visit: Visit) -> Response:
        """OpenID Connect Back-Channel Logout 2.5-2.8."""
        parameters = parse_parameters([(name, values[-1]) for name, values in visit.call.form.items()])
        subject, sid = await self._provider.logout_token(parameters.get("logout_token", ""))
        await self._sessions.end_of_sid(subject, sid)
        return Response(status_code=200)

    # --- settings

    async def settings(self, visit: Visit) -> Response:
        values = {
            "push_key": self._push.public_key,
            "has_mandates": self._has_mandates,
            "addresses": await self._push.count(visit.person.person),
        }
        return self._pages.page(visit, "settings.html", values)

    async def push_on(self, visit: Visit) -> Response:
        """The browser's PushSubscription as JSON. Raises CallerError (`bad_push_address`)."""
        try:
            content = json.loads(visit.call.body)
            keys = content["keys"]
            address = PushAddress(
                str(content["endpoint"]), str(keys["p256dh"]), str(keys["auth"]), visit.language
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CallerError("not a push subscription", code="bad_push_address") from error
        await self._push.add(visit.person.person, address)
        return JSONResponse({"ok": True}, 201)

    async def push_off(self, visit: Visit) -> Response:
        await self._push.remove_all(visit.person.person)
        return redirect("/settings")


def to_login(reason: str | None, path: str) -> RedirectResponse:
    """A page for which nobody is logged in: to the page that says so, and back afterwards."""
    parameters = {"return_to": local_path(path)} | ({"reason": reason} if reason else {})
    return RedirectResponse("/login?" + urlencode(parameters), 303)
