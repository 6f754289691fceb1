"""Certificates by ACME (RFC 8555, RFC 9773) for a security server: ordered, renewed, told of by mail (UG-SS 24).

Only authorities that have an ACME server in the global configuration are asked. Keys are made in the signer's tokens and
never leave them; account keys lie encrypted in this room's database. Called by `sild.security_server`.

An order's way: `ordering.py` (key, request, import) -> `protocol.py` (the authority, in a thread) ; `responder.py` answers the
authority's challenge; `renewal.py` decides when. `accounts.py` account keys; `configuration.py` acme.yml and mail.yml; `mail.py`
notifications; `store.py` all SQL.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sild.acme_client.configuration import AcmeConfiguration, MailServer, read_acme_yml, read_mail_yml
from sild.acme_client.errors import AcmeRefusal, AcmeUnavailable
from sild.acme_client.settings import AcmeClientSettings

if TYPE_CHECKING:
    from sild.acme_client.ordering import Ordering, Wiring
    from sild.acme_client.renewal import Progress, Renewal, RenewalState
    from sild.acme_client.responder import ChallengeResponder
    from sild.acme_client.service import AcmeClient

__all__ = [
    "AcmeClient",
    "AcmeClientSettings",
    "AcmeConfiguration",
    "AcmeRefusal",
    "AcmeUnavailable",
    "ChallengeResponder",
    "MailServer",
    "Ordering",
    "Progress",
    "Renewal",
    "RenewalState",
    "Wiring",
    "read_acme_yml",
    "read_mail_yml",
]

_LATE = {
    "AcmeClient": "service",
    "ChallengeResponder": "responder",
    "Ordering": "ordering",
    "Progress": "renewal",
    "Renewal": "renewal",
    "RenewalState": "renewal",
    "Wiring": "ordering",
}
"""What speaks ACME: imported by whoever has it do so, for the libraries take a tenth of a second and 15 MB."""


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
