"""Settings of the ACME client: the table `[acme]` of a security server. Without it nothing is ordered and nothing listens."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from sild.settings import Settings
from sild.signer import KeyAlgorithm

__all__ = ["AcmeClientSettings"]

DAY = 86_400.0


class AcmeClientSettings(Settings):
    """Times are in seconds. `docs/acme.md` says more of each."""

    acme_file: Path | None = None  # X-Road's acme.yml: external account keys, account-keystore-password
    mail_file: Path | None = None  # X-Road's mail.yml: mail server, contacts of members
    ca_certificates: Path | None = (
        None  # PEM: authorities of https towards the ACME server; None: the system's
    )
    mail_ca_certificates: Path | None = None  # the same towards the mail server
    challenge_address: str | None = None  # None: `peer_listen_address`
    challenge_port: int | None = 80  # None (false): another web server answers from `challenge`'s answers
    dns_name: str | None = None  # of this server; None: its address in the global configuration
    country: str = Field(default="", pattern="^([A-Z]{2})?$")  # where a certificate profile wants one
    key_algorithm: KeyAlgorithm = KeyAlgorithm.RSA_2048  # of first orders; renewed keys are as they were
    order_timeout: float = 90.0  # for all of one order
    renewal: bool = True
    renewal_interval: float = 3600.0  # how often the certificates are looked at
    renewal_before_expiry: float = 14 * DAY  # where the authority has no renewal information
    retry_first: float = 60.0  # after a failure; doubled each time, up to
    retry_most: float = DAY
    activate_sign_certificates: bool = False  # X-Road's automatic-activate-acme-sign-certificate
    activate_auth_certificates: bool = False  # X-Road's automatic-activate-auth-certificate, of renewed ones
    switch_delay: float = (
        600.0  # from the registration of an auth certificate to the end of the old one's use
    )
    mail_on_success: bool = True
    mail_on_failure: bool = True

    def at(self, base: Path) -> AcmeClientSettings:
        """Relative paths start at `base`."""
        paths = ("acme_file", "mail_file", "ca_certificates", "mail_ca_certificates")
        given = {name: getattr(self, name) for name in paths}
        return self.model_copy(update={name: base / path for name, path in given.items() if path is not None})

    @field_validator("challenge_port", mode="before")
    @classmethod
    def _off(cls, port: object) -> object:
        if port is True:
            raise ValueError("a port's number, or false")
        return None if port is False else port
