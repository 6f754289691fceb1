"""The way of a person: /authorize, the ways to log in, the device of an official, whom to act for, back to the service.

Each step is settled in the database before the next is shown; `_next` looks at what is still open, so a reloaded page, a second
tab or the back button lands where things stand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from starlette.responses import JSONResponse, Response

from sild.errors import CallerError, PlatformError, TrustError, Unavailable
from sild.identity_provider.browser import Browser
from sild.identity_provider.cards import Cards
from sild.identity_provider.clients import Clients
from sild.identity_provider.edge import BROWSER_COOKIE, SESSION_COOKIE, Call, redirect, set_cookie
from sild.identity_provider.grants import Grants
from sild.identity_provider.limits import check_not_locked, count_failure, forget_failures
from sild.identity_provider.logins import Login, LoginExpired, Logins
from sild.identity_provider.mandates import Mandates
from sild.identity_provider.passkeys import Passkeys
from sild.identity_provider.people import Device, People
from sild.identity_provider.sessions import LogIn, Session, Sessions
from sild.identity_provider.settings import IdentityProviderSettings
from sild.identity_provider.signing import SigningPage
from sild.identity_provider.store import Store, hashed
from sild.openid import (
    AuthorizationRequest,
    LevelOfAssurance,
    OpenIDError,
    Person,
    date_of_birth,
    error_redirect,
    find_redirect_uri,
    parse_authorization_request,
    parse_parameters,
    with_query,
)
from sild.pki import certificate_hash

__all__ = ["Screens"]

TEST_LEVELS = {level.acr: level for level in LevelOfAssurance}


class Screens:
    def __init__(
        self,
        *,
        settings: IdentityProviderSettings,
        store: Store,
        browser: Browser,
        clients: Clients,
        people: People,
        sessions: Sessions,
        logins: Logins,
        grants: Grants,
        mandates: Mandates,
        passkeys: Passkeys,
        cards: Cards,
        signing: SigningPage | None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._browser = browser
        self._clients = clients
        self._people = people
        self._sessions = sessions
        self._logins = logins
        self._grants = grants
        self._mandates = mandates
        self._passkeys = passkeys
        self._cards = cards
        self._signing = signing

    # --- the request

    def authorize(self, call: Call) -> Response:
        """GET, or POST as Core 3.1.2.1 asks: the POST comes from another site, without cookies, so it is sent round once."""
        if call.method == "POST":
            return redirect(f"/authorize?{urlencode(call.form)}")
        parameters = parse_parameters([pair for pair in call.query if pair[0] != "lang"])
        client = self._clients.find(parameters.get("client_id", ""))
        redirect_uri = find_redirect_uri(parameters, client)
        state = parameters.get("state")
        try:
            request = parse_authorization_request(parameters, client)
            return self._answer(call, request)
        except OpenIDError as error:
            return self._to_service(error, redirect_uri, state)
        except Unavailable as error:
            refusal = OpenIDError("a register does not answer", code="temporarily_unavailable")
            if error.retry_after is not None:
                raise
            return self._to_service(refusal, redirect_uri, state)

    def _answer(self, call: Call, request: AuthorizationRequest) -> Response:
        with self._store.change() as change:
            session = self._sessions.find(change, call.cookies.get(SESSION_COOKIE))
            at = change.at
        fits = session is not None and request.accepts_session(
            level=session.level, auth_time=session.auth_time, at=at
        )
        silent = "none" in request.prompts
        if session is None or not fits:
            if silent:
                raise OpenIDError("the person must log in", code="login_required")
            return self._begin(call, request, None)
        if silent:
            if "official" in request.scopes and session.device_posture is None:
                self._require_official(session)
                raise OpenIDError("the person must show the device", code="interaction_required")
            return self._back(request, session, request.representee)
        return self._begin(call, request, session)

    def _begin(self, call: Call, request: AuthorizationRequest | None, session: Session | None) -> Response:
        """A log-in, at the step where it stands: with a session that fits, often straight back to the service."""
        browser = self._browser.cookie(call)
        login_id = self._logins.begin(request, browser, session_id=session.id if session else None)
        found = self._logins.find(login_id, browser)
        return self._browser.keep(call, self._next(found, session))

    def _to_service(self, error: OpenIDError, redirect_uri: str, state: str | None) -> Response:
        issuer = self._settings.issuer
        return redirect(error_redirect(error, redirect_uri=redirect_uri, state=state, issuer=issuer))

    # --- what comes next

    def _next(self, found: Login, session: Session | None) -> Response:
        if session is None:
            return redirect(f"/login/{found.id}")
        request = found.request
        if request is None:
            self._logins.finish(found.id)
            return redirect("/account")
        if "official" in request.scopes and session.device_posture is None:
            if not self._is_official(session):
                return self._refuse(found, OpenIDError("the person is no official", code="access_denied"))
            return redirect(f"/login/{found.id}/device")
        asks = "representee" in request.scopes and request.representee is None
        if asks and any(self._mandates.chains_known(session.subject)):
            return redirect(f"/login/{found.id}/representee")
        return self._finish(found, session, request.representee)

    def _finish(self, found: Login, session: Session, representee: str | None) -> Response:
        assert found.request is not None
        try:
            answer = self._back(found.request, session, representee)
        except OpenIDError as error:
            return self._refuse(found, error)
        self._logins.finish(found.id)
        return answer

    def _back(self, request: AuthorizationRequest, session: Session, representee: str | None) -> Response:
        """To the service with a code; `iss` tells it which provider answered (RFC 9207)."""
        code = self._grants.issue_code(request, session, representee)
        parameters = {"code": code, "state": request.state, "iss": self._settings.issuer}
        return redirect(with_query(request.redirect_uri, parameters))

    def _refuse(self, found: Login, error: OpenIDError) -> Response:
        self._logins.finish(found.id)
        if found.request is None:
            return redirect("/")
        return self._to_service(error, found.request.redirect_uri, found.request.state)

    def _is_official(self, session: Session) -> bool:
        with self._store.change() as change:
            return bool(self._people.roles(change.connection, session.subject, change.at))

    def _require_official(self, session: Session) -> None:
        if not self._is_official(session):
            raise OpenIDError("the person is no official", code="access_denied")

    def _login(self, call: Call) -> Login:
        return self._logins.find(call.parameters["login"], call.cookies.get(BROWSER_COOKIE))

    def _session_of(self, call: Call, found: Login) -> Session:
        """The session this log-in led to, in this browser. Raises LoginExpired: it ended in the meantime, or is another's."""
        with self._store.change() as change:
            session = self._sessions.find(change, call.cookies.get(SESSION_COOKIE))
        if session is None or session.id != found.session_id:
            raise LoginExpired("the session of this log-in has ended")
        return session

    # --- logging in

    def login_page(self, call: Call) -> Response:
        found = self._login(call)
        request = found.request
        level = LevelOfAssurance.LOW if request is None else request.level
        people = [one for one in self._settings.test_people if TEST_LEVELS[one.level] >= level]
        if request is not None:
            people.sort(key=lambda one: one.works_at != request.client_id)
        asked = None
        if found.signing is not None and self._signing is not None:
            asked = self._signing.shown(found.signing)
            people = [one for one in people if one.subject == asked.subject]
        values = {
            "login": found.id,
            "service": None if request is None else self._clients.find(request.client_id).name,
            "level": level.acr,
            "official": request is not None and "official" in request.scopes,
            "card": self._cards.accepted,
            "certificate_url": self._settings.certificate_url if self._cards.accepted else None,
            "test_people": people,
        }
        if asked is not None:
            return self._page(call, found, "sign.html", {**values, "asked": asked})
        return self._page(call, found, "login.html", values)

    def _page(self, call: Call, found: Login, template: str, values: Mapping[str, object]) -> Response:
        request = found.request
        return self._browser.page(
            call,
            template,
            values,
            purpose=found.id,
            wanted=() if request is None else request.ui_locales,
            form_targets=() if request is None else (request.redirect_uri,),
        )

    def passkey_options(self, call: Call) -> Response:
        found = self._own_script(call)
        challenge = self._logins.new_challenge(found.id, url_safe=True)
        return Response(self._passkeys.authentication_options(challenge), media_type="application/json")

    def passkey(self, call: Call) -> Response:
        found = self._own_script(call)
        challenge = self._logins.use_challenge(found)
        done = self._attempt(
            found, f"passkey:{hashed(call.address)}", lambda: self._passkeys.log_in(call.body, challenge)[0]
        )
        return self._logged_in(call, found, done, script=True)

    def card_nonce(self, call: Call) -> Response:
        found = self._own_script(call)
        return JSONResponse({"nonce": self._logins.new_challenge(found.id, url_safe=False)})

    def card(self, call: Call) -> Response:
        found = self._own_script(call)
        nonce = self._logins.use_challenge(found)
        at = self._store.clock()
        done = self._attempt(
            found, f"card:{hashed(call.address)}", lambda: self._cards.log_in_by_token(call.body, nonce, at)
        )
        return self._logged_in(call, found, done, script=True)

    def certificate(self, call: Call) -> Response:
        """On the mutual TLS address: the form is ours, the certificate the connection's."""
        found = self._own_form(call)[0]
        certificate = call.certificate
        if certificate is None:
            raise TrustError("no certificate came with the connection", code="certificate_not_trusted")
        at = self._store.clock()
        done = self._attempt(
            found, f"card:{hashed(call.address)}", lambda: self._cards.log_in_by_certificate(certificate, at)
        )
        answer = self._logged_in(call, found, done, script=False)
        return _absolute(answer, self._settings.issuer)

    def test_person(self, call: Call) -> Response:
        """Demo only: there is nobody to choose unless the settings name somebody."""
        found, fields = self._own_form(call)
        one = next((one for one in self._settings.test_people if one.subject == fields.get("subject")), None)
        if one is None:
            raise CallerError("no such test person", code="access_denied")
        person = Person(one.subject, one.given_name, one.family_name, date_of_birth(one.subject))
        device = Device("test", one.device_of, "test device") if one.device_of else None
        done = LogIn(person, TEST_LEVELS[one.level], "test", device, is_test=True)
        return self._logged_in(call, found, done, script=False)

    def cancel(self, call: Call) -> Response:
        """Back to the service without logging in (TARA 4.2: `user_cancel`)."""
        found = self._own_form(call)[0]
        return self._refuse(found, OpenIDError("the person went back", code="user_cancel"))

    def _own_script(self, call: Call) -> Login:
        self._browser.check_own_script(call, call.parameters["login"])
        return self._login(call)

    def _own_form(self, call: Call) -> tuple[Login, dict[str, str]]:
        fields = self._browser.check_own(call, call.parameters["login"])
        return self._login(call), fields

    def _attempt(self, found: Login, key: str, way: Callable[[], LogIn]) -> LogIn:
        """One try: a failure counts against the log-in and the address; too many and neither gets another for a while."""
        failures, seconds = self._settings.lock_failures, self._settings.lock_seconds
        with self._store.change() as change:
            check_not_locked(change, key, failures=failures, seconds=seconds)
        try:
            done = way()
        except Unavailable:
            raise
        except PlatformError:
            self._logins.count_failure(found.id)
            with self._store.change() as change:
                count_failure(change, key, seconds=seconds)
                change.audit("log_in_refused", actor="nobody", detail={"way": key.partition(":")[0]})
            raise
        with self._store.change() as change:
            forget_failures(change, key)
        return done

    def _logged_in(self, call: Call, found: Login, done: LogIn, *, script: bool) -> Response:
        if found.request is not None and done.level < found.request.level:
            raise TrustError("the way to log in is not sure enough for the service", code="level_too_low")
        if found.signing is not None:
            return self._signed(found, done, script=script)
        with self._store.change() as change:
            session, cookie = self._sessions.start(change, done, instead_of=call.cookies.get(SESSION_COOKIE))
            self._logins.done(change, found.id, session.id)
        answer = self._next(found, session)
        if script:
            answer = JSONResponse({"next": answer.headers["location"]})
        set_cookie(answer, SESSION_COOKIE, cookie)
        return answer

    def _signed(self, found: Login, done: LogIn, *, script: bool) -> Response:
        """Whoever is to sign has just shown who they are, on the page with the document. No session begins or ends by it."""
        assert self._signing is not None and found.signing is not None
        try:
            address = self._signing.authorise(found.signing, done)
        except TrustError:
            self._logins.count_failure(found.id)
            raise
        self._logins.finish(found.id)
        return JSONResponse({"next": address}) if script else redirect(address)

    # --- an official's device

    def device_page(self, call: Call) -> Response:
        found = self._login(call)
        session = self._session_of(call, found)
        has_keys = bool(self._passkeys.of(session.subject))
        values = {"login": found.id, "has_keys": has_keys, "certificate_url": self._settings.certificate_url}
        return self._page(call, found, "device.html", values)

    def device_options(self, call: Call) -> Response:
        found = self._own_script(call)
        session = self._session_of(call, found)
        challenge = self._logins.new_challenge(found.id, url_safe=True)
        options = self._passkeys.authentication_options(challenge, subject=session.subject)
        return Response(options, media_type="application/json")

    def device_passkey(self, call: Call) -> Response:
        found = self._own_script(call)
        session = self._session_of(call, found)
        challenge = self._logins.use_challenge(found)
        done = self._attempt(
            found, f"device:{session.subject}", lambda: self._passkeys.log_in(call.body, challenge)[0]
        )
        if done.person.subject != session.subject:
            raise TrustError("the passkey is another person's", code="invalid_passkey")
        with self._store.change() as change:
            session = self._sessions.set_device(change, session, done.device)
        return JSONResponse({"next": self._next(found, session).headers["location"]})

    def device_certificate(self, call: Call) -> Response:
        """A device's own certificate, by mutual TLS: registered by its hash, so no chain is asked for."""
        found = self._own_form(call)[0]
        session = self._session_of(call, found)
        with self._store.change() as change:
            device = None
            if call.certificate is not None:
                key_id = certificate_hash(call.certificate).hex()
                device = self._people.find_device(change.connection, "certificate", key_id, change.at)
            session = self._sessions.set_device(change, session, device)
        return _absolute(self._next(found, session), self._settings.issuer)

    def device_unmanaged(self, call: Call) -> Response:
        """Go on without a registered device: to read."""
        found = self._own_form(call)[0]
        session = self._session_of(call, found)
        with self._store.change() as change:
            session = self._sessions.set_device(change, session, None)
        return self._next(found, session)

    # --- whom to act for

    def representee_page(self, call: Call) -> Response:
        found = self._login(call)
        session = self._session_of(call, found)
        with self._store.change() as change:
            person, _is_test, _handle = self._people.find(change.connection, session.subject)
        held, silent = self._mandates.chains_known(session.subject)
        parties = {chain[-1].representee.identifier: chain[-1].representee for chain in held}
        choices = [
            {
                "party": party,
                "mandates": [
                    chain[-1] for chain in held if chain[-1].representee.identifier == party.identifier
                ],
            }
            for party in sorted(parties.values(), key=lambda party: (party.name, party.identifier))
        ]
        values = {
            "login": found.id,
            "person": person,
            "choices": choices,
            "silent": bool(silent),
            "titles": {role.code: role.title for role in self._settings.mandate_roles},
        }
        return self._page(call, found, "representee.html", values)

    def representee(self, call: Call) -> Response:
        found, fields = self._own_form(call)
        session = self._session_of(call, found)
        return self._finish(found, session, fields.get("representee"))


def _absolute(answer: Response, issuer: str) -> Response:
    """From the mutual TLS address back to the ordinary one."""
    location = answer.headers["location"]
    if location.startswith("/"):
        answer.headers["location"] = issuer + location
    return answer
