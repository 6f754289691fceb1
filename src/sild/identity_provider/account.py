"""A person's own page: passkeys, where they are logged in, log out everywhere; and the end of a session as a service asks for it."""

from __future__ import annotations

import base64
import json

from starlette.responses import JSONResponse, Response

from sild.errors import TrustError
from sild.identity_provider.browser import Browser
from sild.identity_provider.clients import Clients
from sild.identity_provider.edge import SESSION_COOKIE, Call, clear_cookie, redirect
from sild.identity_provider.keys import SigningKeys
from sild.identity_provider.logins import Login, LoginExpired, Logins
from sild.identity_provider.passkeys import Passkeys
from sild.identity_provider.people import People
from sild.identity_provider.sessions import Session, Sessions
from sild.identity_provider.settings import IdentityProviderSettings
from sild.identity_provider.store import Store
from sild.openid import Client, OpenIDError, parse_parameters, verify_token, with_query

__all__ = ["Account"]


class Account:
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
        passkeys: Passkeys,
        keys: SigningKeys,
    ) -> None:
        self._settings = settings
        self._store = store
        self._browser = browser
        self._clients = clients
        self._people = people
        self._sessions = sessions
        self._logins = logins
        self._passkeys = passkeys
        self._keys = keys

    def front_page(self, call: Call) -> Response:
        return redirect("/account")

    def page(self, call: Call) -> Response:
        session = self._session(call)
        if session is None:
            login_id = self._logins.begin(None, self._browser.cookie(call))
            return self._browser.keep(call, redirect(f"/login/{login_id}"))
        with self._store.change() as change:
            person, is_test, _handle = self._people.find(change.connection, session.subject)
            sessions = self._sessions.active_since(change, session.subject)
        ceremony = self._logins.begin(None, self._browser.cookie(call), session_id=session.id)
        values = {
            "person": person,
            "is_test": is_test,
            "passkeys": self._passkeys.of(session.subject),
            "sessions": sessions,
            "here": session.id,
            "ceremony": ceremony,
        }
        return self._browser.page(call, "account.html", values, purpose=session.id)

    def _session(self, call: Call) -> Session | None:
        with self._store.change() as change:
            return self._sessions.find(change, call.cookies.get(SESSION_COOKIE))

    def _required(self, call: Call) -> Session:
        session = self._session(call)
        if session is None:
            raise LoginExpired("the session has ended")
        return session

    # --- passkeys

    def passkey_options(self, call: Call) -> Response:
        session = self._required(call)
        self._browser.check_own_script(call, session.id)
        found = self._ceremony(call, session)
        challenge = self._logins.new_challenge(found.id, url_safe=True)
        return Response(
            self._passkeys.registration_options(session, challenge), media_type="application/json"
        )

    def add_passkey(self, call: Call) -> Response:
        """A key proved by somebody logged in; how sure we are of them then is the most it can ever count for."""
        session = self._required(call)
        self._browser.check_own_script(call, session.id)
        challenge = self._logins.use_challenge(self._ceremony(call, session))
        self._passkeys.register(session, call.body, challenge, _label(call))
        return JSONResponse({"next": "/account"})

    def _ceremony(self, call: Call, session: Session) -> Login:
        found = self._logins.find(call.parameters["login"], self._browser.cookie(call))
        if found.session_id != session.id or found.request is not None:
            raise TrustError("the ceremony is another session's", code="invalid_passkey")
        return found

    def remove_passkey(self, call: Call) -> Response:
        session = self._required(call)
        fields = self._browser.check_own(call, session.id)
        self._passkeys.remove(session.subject, fields.get("credential_id", ""))
        return redirect("/account")

    # --- the end of a session

    def log_out_everywhere(self, call: Call) -> Response:
        """Every session of the person, on every device."""
        session = self._required(call)
        self._browser.check_own(call, session.id)
        with self._store.change() as change:
            self._sessions.end_all_of(change, session.subject, "logged_out_everywhere")
        return self._gone(call)

    def logout(self, call: Call) -> Response:
        """RP-Initiated Logout 2. With a token of ours for this very session it ends at once; otherwise the person is asked,
        so that no foreign page logs anybody out."""
        parameters = parse_parameters(call.form if call.method == "POST" else call.query)
        hint = parameters.get("id_token_hint")
        session = self._session(call)
        client, sid = self._hinted(hint, parameters.get("client_id"))
        target = self._target(client, parameters)
        if session is None:
            return self._gone(call, target)
        if sid == session.id:
            with self._store.change() as change:
                self._sessions.end(change, session.id, "logged_out")
            return self._gone(call, target)
        if sid is not None:
            return self._gone(
                call, target, keep_session=True
            )  # GovSSO 4.3: not this browser's session: nothing is done
        return self._ask(call, session, client, parameters)

    def _ask(
        self, call: Call, session: Session, client: Client | None, parameters: dict[str, str]
    ) -> Response:
        with self._store.change() as change:
            names = [
                self._clients.lookup(change, one).name
                for one in self._sessions.clients_of(change, session.id)
            ]
        kept = {"post_logout_redirect_uri": parameters.get("post_logout_redirect_uri", ""),
                "state": parameters.get("state", ""), "client_id": client.client_id if client else ""}  # fmt: skip
        target = self._target(client, parameters)
        targets = () if target is None else (target,)
        values = {"services": names, "kept": kept}
        return self._browser.page(call, "logout.html", values, purpose=session.id, form_targets=targets)

    def confirm_logout(self, call: Call) -> Response:
        session = self._required(call)
        fields = self._browser.check_own(call, session.id)
        client = self._clients.find(fields["client_id"]) if "client_id" in fields else None
        target = self._target(client, fields)
        with self._store.change() as change:
            self._sessions.end(change, session.id, "logged_out")
        return self._gone(call, target)

    def _hinted(self, hint: str | None, client_id: str | None) -> tuple[Client | None, str | None]:
        """Client and session of an identity token of ours, however old. Raises OpenIDError."""
        if hint is None:
            return (None if client_id is None else self._clients.find(client_id)), None
        unread = OpenIDError("id_token_hint is not a token of ours for this client")
        named = client_id or _audience(hint)
        if named is None:
            raise unread
        client = self._clients.find(named)
        try:
            claims = verify_token(
                hint,
                self._keys.verification_keys(),
                issuer=self._settings.issuer,
                audience=client.client_id,
                at=self._store.clock(),
                expired_too=True,
            )
        except TrustError as error:
            raise unread from error
        return client, str(claims.get("sid"))

    def _target(self, client: Client | None, parameters: dict[str, str]) -> str | None:
        """Where to go afterwards: only an address registered for the client the request names (open redirect)."""
        uri = parameters.get("post_logout_redirect_uri")
        if uri is None:
            return None
        if client is None or uri not in client.post_logout_redirect_uris:
            raise OpenIDError("post_logout_redirect_uri is not one of the client's")
        return with_query(uri, {"state": parameters.get("state")})

    def _gone(self, call: Call, target: str | None = None, *, keep_session: bool = False) -> Response:
        response = redirect(target) if target else self._browser.page(call, "gone.html", {})
        if not keep_session:
            clear_cookie(response, SESSION_COOKIE)
        return response


def _audience(token: str) -> str | None:
    """Whom a token says it is for, before it is checked: only to find the client it is then checked for."""
    try:
        part = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["aud"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def _label(call: Call) -> str:
    return next((value for name, value in call.query if name == "label"), "")
