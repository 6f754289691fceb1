"""The ACME client of one security server, composed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sild.acme_client.accounts import AccountKeys
from sild.acme_client.configuration import AcmeConfiguration, MailServer, read_acme_yml, read_mail_yml
from sild.acme_client.mail import Mail
from sild.acme_client.ordering import Ordering, Wiring
from sild.acme_client.renewal import Register, Renewal
from sild.acme_client.responder import ChallengeResponder
from sild.acme_client.settings import AcmeClientSettings
from sild.acme_client.store import Store
from sild.clock import Clock
from sild.signer import Signer
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import SecurityServerId

__all__ = ["AcmeClient"]


class AcmeClient:
    """`ordering` orders, `renewal.run()` renews, `challenge.handle` answers on the challenge port.

    store_url: SQLAlchemy URL.  directory: for the password of account keys, where acme.yml has none.
    globalconf: raises TrustError when there is no valid one.  register: see `Renewal`.
    Raises CallerError (acme.yml, mail.yml), Unavailable (`database_error`).
    """

    def __init__(
        self,
        settings: AcmeClientSettings,
        store_url: str,
        directory: Path,
        *,
        signer: Signer,
        server_id: Callable[[], SecurityServerId],
        globalconf: Callable[[], GlobalConf],
        register: Register,
        clock: Clock,
    ) -> None:
        self.settings = settings
        configuration = read_acme_yml(settings.acme_file) if settings.acme_file else AcmeConfiguration()
        server = read_mail_yml(settings.mail_file) if settings.mail_file else MailServer()
        if configuration.contacts and not server.contacts:  # where X-Road had them before 7.7
            server = server.model_copy(update={"contacts": configuration.contacts})
        self._store = Store(store_url)
        mail = Mail(
            server,
            ca_certificates=settings.mail_ca_certificates,
            sender_name=str(server_id()),
            on_success=settings.mail_on_success,
            on_failure=settings.mail_on_failure,
        )
        wiring = Wiring(
            settings=settings,
            configuration=configuration,
            store=self._store,
            keys=AccountKeys(self._store, directory, configuration.account_keystore_password),
            mail=mail,
            keyring=signer.keyring,
            server_id=server_id,
            globalconf=globalconf,
            clock=clock,
        )
        self.ordering = Ordering(wiring)
        self.renewal = Renewal(wiring, self.ordering, register=register, states=signer.certificate_states)
        self.challenge = ChallengeResponder(self._store, clock)

    def close(self) -> None:
        self.renewal.close()
        self._store.close()
