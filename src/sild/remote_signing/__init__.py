"""Keys with which people sign, and the one way to use them: the holder's own word, in that moment, for exactly that document.

What a remote signing service does behind its pages (Cloud Signature Consortium API v2, "SCAL2"; ETSI TS 119 432, EN 419 241-1). The
identity provider puts the API and the page before it: who logs in there, freshly and at level high, authorises. Blocks.

    signing = RemoteSigning.open(url, key_password=..., certify=ask_the_authority)
    credential = signing.credential_of(person)                     # made at first use
    uri, seconds = signing.push(client_id, redirect_uri, pushed)   # what is to be signed: shown, and nothing else signed
    found = signing.begin(uri, client_id)                          # the page
    redirect_uri, parameters = signing.authorise(found.id, subject, way="passkey")
    token = signing.redeem(client_id, form)
    signing.sign(token.value, SignHash(...))                       # the same word twice: the same signature

service.py         RemoteSigning: the door's class               credentials.py  keys and certificates
authorisations.py  from the pushed request to the signature      pushed.py, shown.py  what a request says, whether it is so, and how it is read
store.py, tables.py, migrations                                  the database
"""

from sild.remote_signing.authorisations import SigningRequest, SigningToken
from sild.remote_signing.credentials import Certify, Credential
from sild.remote_signing.pushed import PushedSignature, SignHash, parse_pushed, parse_sign_hash
from sild.remote_signing.service import RemoteSigning
from sild.remote_signing.shown import shown

__all__ = [
    "Certify",
    "Credential",
    "PushedSignature",
    "RemoteSigning",
    "SignHash",
    "SigningRequest",
    "SigningToken",
    "parse_pushed",
    "parse_sign_hash",
    "shown",
]
