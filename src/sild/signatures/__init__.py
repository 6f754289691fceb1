"""Signatures, hash chains and evidence containers: XML-DSig, XAdES 1.3.2 in X-Road's profile, ASiC-E (docs/signatures.md).

Pure: bytes and values in, values out; the private key is not here (`SignatureTemplate.prepare` gives what must be signed),
and whose certificate signed is not decided here (`sild.xroad.verification`). Every room above may call it.

hash_chains.py  building                        template.py      writing signatures
hash_chain_verification.py  verifying           signature.py     reading them       verification.py  checking them
asice.py, zip_layout.py     containers          timestamping.py  the single time-stamp
"""

from sild.signatures.asice import AsicContainer, AsicLimits, Attachment, read_asice, write_asice
from sild.signatures.hash_chain_verification import verify_hash_chain
from sild.signatures.hash_chains import HashChains, SignedPart, build_hash_chains
from sild.signatures.signature import Signature, SignatureLimits, parse_signature
from sild.signatures.template import PreparedSignature, SignatureTemplate
from sild.signatures.timestamping import add_timestamp, signature_value_bytes
from sild.signatures.verification import verify_signature

__all__ = [
    "AsicContainer",
    "AsicLimits",
    "Attachment",
    "HashChains",
    "PreparedSignature",
    "Signature",
    "SignatureLimits",
    "SignatureTemplate",
    "SignedPart",
    "add_timestamp",
    "build_hash_chains",
    "parse_signature",
    "read_asice",
    "signature_value_bytes",
    "verify_hash_chain",
    "verify_signature",
    "write_asice",
]
