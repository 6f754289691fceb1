"""The identity provider: people prove who they are once, for all services, and whom they act for.

OpenID Connect Core, Discovery, RP-Initiated and Back-Channel Logout, RFC 9700; WebAuthn Level 3; Web eID; claims as TARA's and
GovSSO's; mandates as Pääsuke's. An information system with a database of its own; services meet it on the wire. Called by
`sild.processes`, `sild.nation` and tests.

provider.py   IdentityProvider: wiring, routes, administration    settings.py   what it is told
screens.py    a person's way from /authorize back to the service  browser.py    cookies, forged forms, refusals as pages
account.py    own page, logout                                    edge.py       one request as values, headers
protocol.py   tokens, userinfo, introspection, discovery          pages.py      templates and texts
logins.py     a log-in under way     sessions.py  one for all services     grants.py   codes and tokens
passkeys.py   WebAuthn               cards.py     Web eID, mutual TLS      people.py   people, officials, devices
clients.py    the client registry    keys.py      signing keys             notices.py  back-channel logout
mandates.py   who acts for whom      mandate_api.py  Pääsuke's interface   limits.py   failures and rates
signing.py    remote signing: the API and the page that asks
rights.py     what registers say of whom somebody represents
exchange_door.py  what an auditor may look at, for other bodies
store.py, tables.py, migrations      the database   pruning.py   what is over goes

One log-in, file by file: screens.py, passkeys.py (or cards.py), sessions.py, grants.py, protocol.py.
"""

from sild.identity_provider.cards import CertificateStatusSource, OCSPStatus
from sild.identity_provider.edge import client_cert_header
from sild.identity_provider.exchange_door import mandates_door
from sild.identity_provider.limits import TooMany
from sild.identity_provider.mandates import MandateSource, NotAllowed
from sild.identity_provider.provider import ROUTES, IdentityProvider
from sild.identity_provider.rights import BoardRights, FamilyRelations, RegisteredRights
from sild.identity_provider.settings import (
    ClientSettings,
    IdentityProviderSettings,
    MandateRole,
    TestPerson,
)

__all__ = [
    "ROUTES",
    "BoardRights",
    "CertificateStatusSource",
    "ClientSettings",
    "FamilyRelations",
    "IdentityProvider",
    "IdentityProviderSettings",
    "MandateRole",
    "MandateSource",
    "NotAllowed",
    "OCSPStatus",
    "RegisteredRights",
    "TestPerson",
    "TooMany",
    "client_cert_header",
    "mandates_door",
]
