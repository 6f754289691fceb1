"""A service as a client of the identity provider: people log in, say who acts, and sign.

relying_party.py   log-in, refresh, log-out, who acts for registers (OpenID Connect, RFC 8693)
pen.py             people's signatures by remote signing (Cloud Signature Consortium API v2)
sealing.py         what a session holds, readable with the browser's cookie alone

Used by whatever people log in to: the portal, a hospital's ward.
"""

from sild.identity_client.pen import Asked, Pen, PenRefused, RemotePen, Signable
from sild.identity_client.relying_party import LoginRefused, ProviderClient, RelyingParty, Tokens
from sild.identity_client.sealing import hashed, new_secret, seal, unseal

__all__ = [
    "Asked",
    "LoginRefused",
    "Pen",
    "PenRefused",
    "ProviderClient",
    "RelyingParty",
    "RemotePen",
    "Signable",
    "Tokens",
    "hashed",
    "new_secret",
    "seal",
    "unseal",
]
