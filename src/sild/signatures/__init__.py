"""Signatures, hash chains and evidence containers: XML-DSig, XAdES 1.3.2 in X-Road's profile, ASiC-E (docs/signatures.md).

Pure: bytes and values in, values out; the private key is not here (`SignatureTemplate.prepare` gives what must be signed),
and whose certificate signed is not decided here (`sild.xroad.verification`). Every room above may call it.

hash_chains.py, hash_chain_verification.py      building and verifying hash chains
template.py, issuer_name.py                     writing signatures
reading.py, recurring.py, signature.py, xml.py  reading them, the long way and the short
verification.py, timestamping.py                checking them; the single time-stamp
asice.py, zip_layout.py                         containers
baseline.py, signed_document.py                 what a person signs: XAdES baseline in a container of its own
"""

from sild.signatures.asice import (
    ASICE_TYPE,
    AsicContainer,
    AsicLimits,
    Attachment,
    read_asice,
    write_asice,
)
from sild.signatures.baseline import (
    DocumentPart,
    PreparedBaseline,
    add_evidence,
    prepare_baseline,
    stamped_bytes,
)
from sild.signatures.hash_chain_verification import verify_hash_chain
from sild.signatures.hash_chains import HashChains, SignedPart, build_hash_chains
from sild.signatures.reading import parse_signature
from sild.signatures.signature import Signature, SignatureLimits
from sild.signatures.signed_document import (
    SignedDocument,
    VerifiedDocument,
    read_signed_document,
    verify_beside,
    verify_signed_document,
    write_signed_document,
)
from sild.signatures.template import PreparedSignature, SignatureTemplate
from sild.signatures.timestamping import add_timestamp, signature_value_bytes
from sild.signatures.verification import verify_signature

__all__ = [
    "ASICE_TYPE",
    "AsicContainer",
    "AsicLimits",
    "Attachment",
    "DocumentPart",
    "HashChains",
    "PreparedBaseline",
    "PreparedSignature",
    "Signature",
    "SignatureLimits",
    "SignatureTemplate",
    "SignedDocument",
    "SignedPart",
    "VerifiedDocument",
    "add_evidence",
    "add_timestamp",
    "build_hash_chains",
    "parse_signature",
    "prepare_baseline",
    "read_asice",
    "read_signed_document",
    "signature_value_bytes",
    "stamped_bytes",
    "verify_beside",
    "verify_hash_chain",
    "verify_signature",
    "verify_signed_document",
    "write_asice",
    "write_signed_document",
]
