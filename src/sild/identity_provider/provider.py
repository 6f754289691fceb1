"""The identity provider: its database, its parts wired together, its routes, and what an administrator may do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sild.clock import Clock, system_clock
from sild.database import open_database, sqlite_url
from sild.identity_provider.account import Account
from sild.identity_provider.browser import Browser
from sild.identity_provider.cards import Cards, CertificateStatusSource, OCSPStatus, read_authorities
from sild.identity_provider.clients import Clients
from sild.identity_provider.edge import Call, Handler, Refusal, endpoint, secure
from sild.identity_provider.grants import Grants
from sild.identity_provider.keys import SigningKeys
from sild.identity_provider.limits import RequestRate
from sild.identity_provider.logins import Logins
from sild.identity_provider.mandate_api import MandateApi
from sild.identity_provider.mandates import Mandates, MandateSource
from sild.identity_provider.notices import LogoutNotices
from sild.identity_provider.pages import STATIC, Pages
from sild.identity_provider.passkeys import Passkeys
from sild.identity_provider.people import DeviceKeyKind, People
from sild.identity_provider.protocol import Protocol, json_refusal
from sild.identity_provider.pruning import prune
from sild.identity_provider.screens import Screens
from sild.identity_provider.sessions import Sessions
from sild.identity_provider.settings import IdentityProviderSettings
from sild.identity_provider.signing import BASE, SigningApi, SigningPage
from sild.identity_provider.store import Store
from sild.identity_provider.tables import session, token_grant
from sild.openid import Client
from sild.remote_signing import RemoteSigning
from sild.telemetry import get_logger

__all__ = ["ROUTES", "Access", "IdentityProvider"]

log = get_logger("identity_provider")

MIGRATIONS = Path(__file__).parent / "migrations"
PRUNE_EVERY = timedelta(hours=1)


class Access:
    """Who may call a route."""

    EVERYBODY = "everybody"
    ANY_PROGRAM = "every program"
    BROWSER = "the browser that began the log-in, with a form of ours"
    SESSION = "a logged-in person, with a form of ours where something changes"
    CLIENT = "a registered client that proves itself"
    TOKEN = "whoever holds an access token"  # noqa: S105  no password


class IdentityProvider:
    """One identity provider over one database; several processes may run it over the same one.

    mandate_sources: registers that know parents, guardians, boards.  certificate_status: instead of OCSP as the settings say.
    signing: people's signing keys, closed with it; None: nobody signs here.
    Administration methods may be called from any thread; each is one transaction with its audit row.
    Raises CallerError (settings), Unavailable (database), TrustError (`key_unreadable`).
    """

    def __init__(
        self,
        settings: IdentityProviderSettings,
        clock: Clock = system_clock,
        *,
        mandate_sources: Sequence[MandateSource] = (),
        certificate_status: CertificateStatusSource | None = None,
        signing: RemoteSigning | None = None,
    ) -> None:
        self._signing = signing
        self.settings = settings
        self._pruned_at: datetime | None = None
        url = settings.database or sqlite_url(settings.directory / "identity-provider.db")
        self._engine = open_database(url, MIGRATIONS)
        try:
            self._wire(clock, mandate_sources, certificate_status)
            for client in settings.clients:
                self.clients.apply(client)
            self.keys.active("ES256")  # now, not in the first request: a wrong password shows at the start
        except BaseException:
            self.close()
            raise

    def _wire(
        self, clock: Clock, sources: Sequence[MandateSource], status: CertificateStatusSource | None
    ) -> None:
        settings = self.settings
        self._store = store = Store(self._engine, clock)
        self.keys = SigningKeys(
            store,
            settings.key_password.get_secret_value(),
            rotation=timedelta(days=settings.key_rotation_days),
            longest=timedelta(seconds=max(settings.acting_seconds, settings.saying_seconds)),
        )
        self.clients = Clients(store, settings)
        self.people = People(store)
        self.sessions = Sessions(store, self.people, self.clients, settings)
        self.mandates = Mandates(store, self.sessions, settings, sources)
        self.passkeys = Passkeys(store, self.people, settings)
        self.notices = LogoutNotices(store, self.clients, self.keys, settings)
        self._logins = Logins(store, settings)
        self._grants = Grants(store, self.sessions, self.mandates, self.keys, settings)
        if settings.certificate_status == "ocsp" and status is None:
            status = OCSPStatus(settings.ocsp_url)
        self._cards = Cards(settings.issuer, read_authorities(settings.certificate_authorities), status)
        self._browser = Browser(settings, Pages(settings.name, settings.languages, settings.zone))
        self._rate = RequestRate(settings.requests_per_minute)

    def close(self) -> None:
        self._engine.dispose()
        if self._signing is not None:
            self._signing.close()

    # --- administration

    def register_client(self, client: Client, *, secret: str | None = None) -> str | None:
        """Gives the secret of a client that authenticates with one, this once (see `Clients.register`)."""
        return self.clients.register(client, secret=secret)

    def disable_client(self, client_id: str) -> None:
        """It gets no more tokens, and those it has stop counting here. Raises CallerError."""
        with self._store.change() as change:
            self.sessions.revoke_grants(change, token_grant.c.client_id == client_id, "client_disabled")
        self.clients.disable(client_id)

    def add_official_role(
        self, subject: str, role: str, organisation: str, *, valid_through: date | None = None
    ) -> str:
        """organisation: member code. Gives the identifier by which the role is withdrawn."""
        return self.people.add_role(subject, role, organisation, valid_through=valid_through)

    def withdraw_official_role(self, role_id: str) -> None:
        """The person's sessions as an official end with it. Raises CallerError (`not_found`)."""
        with self._store.change() as change:
            subject = self.people.withdraw_role(change, role_id)
            official = token_grant.c.scopes.contains("official") & (session.c.subject == subject)
            self.sessions.revoke_grants(change, official, "role_withdrawn")

    def register_device(
        self,
        organisation: str,
        label: str,
        *,
        key_kind: DeviceKeyKind,
        key_id: str,
        expires_at: datetime | None = None,
    ) -> str:
        """A device officials of the organisation may write from (see `People.register_device`)."""
        return self.people.register_device(
            organisation, label, key_kind=key_kind, key_id=key_id, expires_at=expires_at
        )

    def withdraw_device(self, device_id: str) -> None:
        """Sessions on it end at once. Raises CallerError (`not_found`)."""
        with self._store.change() as change:
            self.people.withdraw_device(change, device_id)
            self.sessions.end_on_device(change, device_id)

    def end_sessions(self, subject: str) -> None:
        """Log a person out everywhere: a lost card, a death, a court's order."""
        with self._store.change() as change:
            change.audit("end_sessions", actor="administrator", subject=subject)
            self.sessions.end_all_of(change, subject, "ended_by_administrator")

    def rotate_keys(self, *, compromised: bool = False) -> None:
        """See `SigningKeys.rotate`."""
        self.keys.rotate(compromised=compromised)

    def maintain(self) -> int:
        """What time asks for: keys, what is over (once an hour), and logout notices that are due; gives how many of these
        were delivered."""
        self.keys.maintain()
        with self._store.change() as change:
            if self._pruned_at is None or change.at - self._pruned_at >= PRUNE_EVERY:
                prune(change, lock_seconds=self.settings.lock_seconds)
                self._pruned_at = change.at
                if self._signing is not None:
                    self._signing.prune()
        return self.notices.deliver()

    async def run(self, *, interval: float = 1.0) -> None:
        """`maintain` every `interval` seconds until cancelled; a failure is logged and the next round tries again."""
        while True:
            try:
                await asyncio.to_thread(self.maintain)
            except Exception as error:  # noqa: BLE001  the next round must come
                log.bug("identity_provider.maintenance_failed", error)
            await asyncio.sleep(interval)

    # --- the application

    @cached_property
    def app(self) -> Starlette:
        """The ASGI application. `ROUTES` is the table of what it answers and to whom."""
        parts = _Handlers(
            protocol=Protocol(self.settings, self.clients, self._grants, self.keys),
            mandate_api=MandateApi(self.settings, self.clients, self.mandates),
            screens=Screens(
                settings=self.settings,
                store=self._store,
                browser=self._browser,
                clients=self.clients,
                people=self.people,
                sessions=self.sessions,
                logins=self._logins,
                grants=self._grants,
                mandates=self.mandates,
                passkeys=self.passkeys,
                cards=self._cards,
                signing=None
                if self._signing is None
                else SigningPage(self._store, self._signing, self.settings),
            ),
            account=Account(
                settings=self.settings,
                store=self._store,
                browser=self._browser,
                clients=self.clients,
                people=self.people,
                sessions=self.sessions,
                logins=self._logins,
                passkeys=self.passkeys,
                keys=self.keys,
            ),
            signing=SigningApi(
                self.settings,
                self._store,
                self._browser,
                self.clients,
                self.people,
                self._logins,
                self._signing,
            ),
        )
        return Starlette(
            routes=[self._route(route, parts) for route in ROUTES],
            exception_handlers={HTTPException: self._no_such_route},
        )

    async def _no_such_route(self, _request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return secure(PlainTextResponse("nothing here\n", status), https=True)

    def _route(self, route: RouteRule, parts: _Handlers) -> Route:
        handler = route.handler(parts)
        programs = route.access in (Access.CLIENT, Access.TOKEN, Access.ANY_PROGRAM)
        refused: Refusal = json_refusal if programs else self._browser.refused

        def limited(call: Call) -> Response:
            self._rate.check(call.address, self._store.clock())
            return handler(call)

        finish = partial(_finish, https=urlsplit(self.settings.issuer).scheme == "https")
        return Route(route.path, endpoint(limited, refused, finish), methods=[route.method])


@dataclass(frozen=True, slots=True)
class _Handlers:
    protocol: Protocol
    mandate_api: MandateApi
    screens: Screens
    account: Account
    signing: SigningApi


@dataclass(frozen=True, slots=True)
class RouteRule:
    method: str
    path: str
    handler: Callable[[_Handlers], Handler]
    access: str


def _static(_parts: _Handlers) -> Handler:
    def serve(call: Call) -> Response:
        found = STATIC.get(call.parameters["name"])
        if found is None:
            return Response(status_code=404)
        return Response(found[0], media_type=found[1], headers={"Cache-Control": "public, max-age=300"})

    return serve


def _finish(response: Response, *, https: bool) -> Response:
    """Pages have set their own policy; everything else gets the same one."""
    return response if "content-security-policy" in response.headers else secure(response, https=https)


_NS = "/v1/nss/{ns}/representees/{representee}/delegates/{delegate}/mandates"

ROUTES: tuple[RouteRule, ...] = (
    RouteRule("GET", "/.well-known/openid-configuration", lambda p: p.protocol.discovery, Access.EVERYBODY),
    RouteRule("GET", "/jwks", lambda p: p.protocol.jwks, Access.EVERYBODY),
    RouteRule("POST", "/token", lambda p: p.protocol.token, Access.CLIENT),
    RouteRule("GET", "/userinfo", lambda p: p.protocol.userinfo, Access.TOKEN),
    RouteRule("POST", "/userinfo", lambda p: p.protocol.userinfo, Access.TOKEN),
    RouteRule("POST", "/introspect", lambda p: p.protocol.introspect, Access.CLIENT),
    RouteRule("POST", "/revoke", lambda p: p.protocol.revoke, Access.CLIENT),
    RouteRule("GET", "/authorize", lambda p: p.screens.authorize, Access.EVERYBODY),
    RouteRule("POST", "/authorize", lambda p: p.screens.authorize, Access.EVERYBODY),
    RouteRule("GET", "/login/{login}", lambda p: p.screens.login_page, Access.BROWSER),
    RouteRule("POST", "/login/{login}/passkey/options", lambda p: p.screens.passkey_options, Access.BROWSER),
    RouteRule("POST", "/login/{login}/passkey", lambda p: p.screens.passkey, Access.BROWSER),
    RouteRule("POST", "/login/{login}/card/nonce", lambda p: p.screens.card_nonce, Access.BROWSER),
    RouteRule("POST", "/login/{login}/card", lambda p: p.screens.card, Access.BROWSER),
    RouteRule("POST", "/login/{login}/certificate", lambda p: p.screens.certificate, Access.BROWSER),
    RouteRule("POST", "/login/{login}/test", lambda p: p.screens.test_person, Access.BROWSER),
    RouteRule("POST", "/login/{login}/cancel", lambda p: p.screens.cancel, Access.BROWSER),
    RouteRule("GET", "/login/{login}/device", lambda p: p.screens.device_page, Access.BROWSER),
    RouteRule("POST", "/login/{login}/device/options", lambda p: p.screens.device_options, Access.BROWSER),
    RouteRule("POST", "/login/{login}/device/passkey", lambda p: p.screens.device_passkey, Access.BROWSER),
    RouteRule(
        "POST", "/login/{login}/device/certificate", lambda p: p.screens.device_certificate, Access.BROWSER
    ),
    RouteRule(
        "POST", "/login/{login}/device/unmanaged", lambda p: p.screens.device_unmanaged, Access.BROWSER
    ),
    RouteRule("GET", "/login/{login}/representee", lambda p: p.screens.representee_page, Access.BROWSER),
    RouteRule("POST", "/login/{login}/representee", lambda p: p.screens.representee, Access.BROWSER),
    RouteRule("GET", "/logout", lambda p: p.account.logout, Access.EVERYBODY),
    RouteRule("POST", "/logout", lambda p: p.account.logout, Access.EVERYBODY),
    RouteRule("POST", "/logout/confirm", lambda p: p.account.confirm_logout, Access.SESSION),
    RouteRule("GET", "/", lambda p: p.account.front_page, Access.EVERYBODY),
    RouteRule("GET", "/account", lambda p: p.account.page, Access.EVERYBODY),
    RouteRule("POST", "/account/logout", lambda p: p.account.log_out_everywhere, Access.SESSION),
    RouteRule(
        "POST", "/account/passkeys/{login}/options", lambda p: p.account.passkey_options, Access.SESSION
    ),
    RouteRule("POST", "/account/passkeys/removal", lambda p: p.account.remove_passkey, Access.SESSION),
    RouteRule("POST", "/account/passkeys/{login}", lambda p: p.account.add_passkey, Access.SESSION),
    RouteRule("GET", "/static/{name}", _static, Access.EVERYBODY),
    RouteRule("GET", "/v1/roles", lambda p: p.mandate_api.roles, Access.CLIENT),
    RouteRule(
        "GET", "/v1/delegates/{delegate}/representees", lambda p: p.mandate_api.representees, Access.CLIENT
    ),
    RouteRule(
        "GET",
        "/v1/delegates/{delegate}/representees/mandates",
        lambda p: p.mandate_api.representees_with_mandates,
        Access.CLIENT,
    ),
    RouteRule(
        "GET", "/v1/delegates/{delegate}/appointments", lambda p: p.mandate_api.appointments, Access.CLIENT
    ),
    RouteRule(
        "GET",
        "/v1/representees/{representee}/delegates/mandates",
        lambda p: p.mandate_api.given,
        Access.CLIENT,
    ),
    RouteRule(
        "GET",
        "/v1/representees/{representee}/delegates/{delegate}/mandates",
        lambda p: p.mandate_api.between,
        Access.CLIENT,
    ),
    RouteRule("POST", _NS, lambda p: p.mandate_api.add, Access.CLIENT),
    RouteRule("POST", _NS + "/{id}/subdelegates", lambda p: p.mandate_api.sub_delegate, Access.CLIENT),
    RouteRule("PUT", _NS + "/{id}", lambda p: p.mandate_api.edit, Access.CLIENT),
    RouteRule("GET", "/mandates/{id}", lambda p: p.mandate_api.status, Access.CLIENT),
    RouteRule("POST", BASE + "/info", lambda p: p.signing.info, Access.ANY_PROGRAM),
    RouteRule("POST", BASE + "/credentials/list", lambda p: p.signing.credentials_list, Access.CLIENT),
    RouteRule("POST", BASE + "/credentials/info", lambda p: p.signing.credentials_info, Access.CLIENT),
    RouteRule("POST", BASE + "/oauth2/pushed_authorize", lambda p: p.signing.pushed_authorize, Access.CLIENT),
    RouteRule("GET", BASE + "/oauth2/authorize", lambda p: p.signing.authorize, Access.EVERYBODY),
    RouteRule("POST", BASE + "/oauth2/token", lambda p: p.signing.token, Access.CLIENT),
    RouteRule("POST", BASE + "/signatures/signHash", lambda p: p.signing.sign_hash, Access.TOKEN),
)
"""Every route with who may call it; a test holds the two together."""
