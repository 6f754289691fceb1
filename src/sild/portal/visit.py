"""A visit: a request with what is known of the person, and the form token that says a form is our own.

Who may come in is stated for each route (`Access`) and kept here, before its handler runs.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sild.cases import Actor, is_company
from sild.errors import CallerError
from sild.i18n import whole_name
from sild.identity_client import new_secret
from sild.portal.edge import BROWSER_COOKIE, SESSION_COOKIE, Call
from sild.portal.sessions import Session, Sessions
from sild.portal.settings import Office, PortalSettings

__all__ = ["Access", "ForgedForm", "LoginNeeded", "NotAllowed", "Visit", "Visits", "actor_of"]


class Access:
    """Who may call a route."""

    EVERYBODY = "everybody"
    BROWSER = "the browser that began the log-in"
    PERSON = "a logged-in person; a form of ours where something changes"
    AUDITOR = (
        "a logged-in person whose mandate, asked for each time, lets them look for a body that supervises"
    )
    OFFICIAL = "a logged-in official of an office; a form of ours where something changes"
    CLERK = "a logged-in clerk, who acts for people at a counter; a form of ours where something changes"
    PROVIDER = "the identity provider, with a token it signed"
    WALLET = "a wallet, with what a person's page gave it, and what came of that"


class LoginNeeded(CallerError):
    """reason: why the session before ended, if there was one."""

    code = "login_needed"

    def __init__(self, reason: str | None) -> None:
        super().__init__("nobody is logged in")
        self.reason = reason


class NotAllowed(CallerError):
    code = "not_allowed"


class ForgedForm(CallerError):
    """A form that none of our pages in this browser sent."""

    code = "forged_form"


@dataclass(frozen=True, slots=True)
class Visit:
    """browser: the cookie of the browser.  representee: whom the person acts for, name and code.  is_assisted: as a
    clerk, on a one-off mandate.  offices: open to them.
    """

    call: Call
    browser: str
    language: str
    session: Session | None = None
    actor: Actor | None = None
    representee: tuple[str, str] | None = None
    is_assisted: bool = False
    office: Office | None = None
    offices: tuple[Office, ...] = ()
    unread: int = 0

    @property
    def is_company(self) -> bool:
        """Whether the person acts for a company."""
        return self.representee is not None and is_company(self.representee[1])

    @property
    def person(self) -> Actor:
        assert self.actor is not None, "the route's access is for logged-in people"
        return self.actor

    def with_unread(self, unread: int) -> Visit:
        return replace(self, unread=unread)

    def with_browser(self) -> Visit:
        """With the browser's cookie, for a page shown instead of the one asked for."""
        cookies = self.call.cookies.get(BROWSER_COOKIE) or self.call.set_cookies.setdefault(
            BROWSER_COOKIE, new_secret()
        )
        return replace(self, browser=cookies)

    def shelf(self, secret: bytes) -> tuple[str, str]:
        """Of drafts written offline: a mark that tells on one device whose they are, and what their key is made of, told to the person's
        own pages alone. Both empty where none are kept: of people helped at a counter, and of nobody.
        """
        if self.actor is None or self.is_assisted:
            return "", ""
        whose = f"{self.actor.person} {self.actor.acting_for}".encode()
        mark, key = (hmac.digest(secret, part + whose, "sha256").hex() for part in (b"mark ", b"key "))
        return mark[:16], key

    @property
    def form_token(self) -> str:
        """Only this browser's cookies make it, and a new session makes another."""
        secret = self.session.cookie if self.session is not None else self.browser
        return hmac.new(secret.encode(), b"form", hashlib.sha256).hexdigest()


class Visits:
    def __init__(self, settings: PortalSettings, sessions: Sessions) -> None:
        self._settings = settings
        self._sessions = sessions

    async def begin(self, call: Call, access: str, language: str) -> Visit:
        """Raises LoginNeeded, NotAllowed, ForgedForm, Unavailable."""
        browser = call.cookies.get(BROWSER_COOKIE) or call.set_cookies.setdefault(
            BROWSER_COOKIE, new_secret()
        )
        if access in (Access.PROVIDER, Access.WALLET):
            return Visit(call, browser, language)
        cookie = call.cookies.get(SESSION_COOKIE)
        session = await self._sessions.find(cookie)
        changes = call.method == "POST"
        closed = access in (Access.PERSON, Access.AUDITOR, Access.OFFICIAL, Access.CLERK)
        if session is not None and closed:
            session = await self._sessions.checked(session, acts=changes)
        visit = self._with_session(Visit(call, browser, language), session, access)
        if changes:
            check_own_form(visit)
        if closed and session is None:
            raise LoginNeeded(await self._sessions.end_reason(cookie) if cookie else None)
        if access == Access.OFFICIAL and visit.office is None:
            raise NotAllowed("the person has no desk here")
        if access == Access.CLERK and not any(one.kind == "clerk" for one in visit.offices):
            raise NotAllowed("the person is no clerk here")
        return visit

    def _with_session(self, visit: Visit, session: Session | None, access: str) -> Visit:
        if session is None:
            return visit
        claims = session.claims
        offices = self._offices(claims)
        wanted = visit.call.query.get("office", "")
        office = next((one for one in offices if one.authority == wanted), offices[0] if offices else None)
        representee = claims.get("representee")
        at_desk = access in (
            Access.OFFICIAL,
            Access.CLERK,
        )  # on the citizen's side an official is a person like others
        return Visit(
            call=visit.call,
            browser=visit.browser,
            language=visit.language,
            session=session,
            actor=actor_of(session, visit.language, office if at_desk else None),
            representee=None if representee is None else (_party_name(representee), str(representee["sub"])),
            office=office,
            offices=offices,
        )

    def _offices(self, claims: Mapping[str, Any]) -> tuple[Office, ...]:
        has = {(str(role.get("role")), str(role.get("organisation"))) for role in claims.get("roles", ())}
        return tuple(one for one in self._settings.offices if (one.role, one.organisation) in has)


def check_own_form(visit: Visit) -> None:
    """The form token, and where the request comes from (CSRF). Raises ForgedForm.

    Of a session that has ended the token is still known by the browser's old cookie: what was written is not lost then.
    """
    call = visit.call
    if call.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ForgedForm("the form was sent from elsewhere")
    origin = call.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != call.headers.get("host", ""):
        raise ForgedForm("the form was sent from elsewhere")
    given = call.headers.get("x-form-token") or (call.form.get("form_token") or [""])[0]
    secrets = {call.cookies.get(SESSION_COOKIE), call.cookies.get(BROWSER_COOKIE)} - {None}
    expected = (
        [visit.form_token] if visit.session is not None else [_token(secret or "") for secret in secrets]
    )
    if not any(hmac.compare_digest(given.encode(), one.encode()) for one in expected):
        raise ForgedForm("the form's token does not fit this browser")


def _token(secret: str) -> str:
    return hmac.new(secret.encode(), b"form", hashlib.sha256).hexdigest()


def actor_of(session: Session, language: str, office: Office | None = None) -> Actor:
    """office: whose desk the person sits at; None: for themselves, or for whom they act."""
    claims = session.claims
    attributes = claims.get("profile_attributes", {})
    representee = claims.get("representee")
    mandates = [] if representee is None else representee.get("mandates", [])
    roles = (
        set() if office is None else {office.kind} if office.kind == "clerk" else {"official", office.kind}
    )
    acr = claims.get("acr")
    return Actor(
        person=session.subject,
        name=whole_name(
            str(attributes.get("given_name") or ""), str(attributes.get("family_name") or ""), session.subject
        ),
        acr=acr if acr in ("low", "substantial", "high") else "low",
        amr=frozenset(str(way) for way in claims.get("amr", ())),
        representee=None if representee is None else str(representee["sub"]),
        mandate_id=str(mandates[0]["id"]) if mandates else None,
        posture="managed" if claims.get("device_posture") == "managed" else "unmanaged",
        roles=frozenset(roles),
        authority=None if office is None else office.authority,
        language=language,
        session=session.cookie,
    )


def _party_name(representee: Mapping[str, Any]) -> str:
    given, family = (str(representee.get(part) or "") for part in ("given_name", "family_name"))
    name = whole_name(given, family, str(representee["sub"]))
    return str(representee.get("name") or name or representee["sub"])
