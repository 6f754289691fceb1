"""Documents: papers the state gives people, with a code that anyone can check without a network, and packages for an archive.

A paper is set from a template of ours (PDF/A-3a, PDF/UA-1) and plain values, carries a presentation of an SD-JWT VC (RFC 9901) in
a QR code and as an attachment, and is sealed by the body that issues it (PAdES). Bytes and values in, bytes and values out: no
sockets, files of others, clock or database. Called by registers, which hold the facts and keys, and by the portal, which shows codes.

insurance_card.py  the card          birth_certificate.py  the certificate     birth_extract.py  evidence of a birth for another country
presentation.py  what is shown of a credential, and the verifier   codes.py  QR codes
typesetting.py     templates -> PDF  sealing.py       seals; what a reader finds in a paper
packages.py        submission information packages (E-ARK SIP): built, and read as from strangers
acts.py            what stands where in a package of an act
metadata.py        METS and PREMIS       statements.py    canonical JSON and its seal
"""

from sild.documents.acts import ACT_FILE, DECISION_FILE, SEAL_FILE, act_package
from sild.documents.birth_certificate import (
    BIRTH_CLAIMS,
    BIRTH_KIND,
    BirthEntry,
    Born,
    birth_certificate_pdf,
    birth_presentation,
)
from sild.documents.birth_extract import (
    EXTRACT_LINES,
    BirthExtract,
    birth_extract_pdf,
    read_birth_extract,
)
from sild.documents.codes import qr_svg
from sild.documents.insurance_card import CARD_CLAIMS, CARD_KIND, CardFace, card_pdf, card_presentation
from sild.documents.metadata import Described, Happened
from sild.documents.packages import (
    MAX_PACKAGE_BYTES,
    BadPackage,
    PackageDefect,
    ReadPackage,
    SubmittedFile,
    package_of,
    read_package,
)
from sild.documents.presentation import KeyBinding, Presented, present, shown_claims, verify_presentation
from sild.documents.sealing import Sealer, TimeStamper, credential_in, seal_pdf, verify_sealed_pdf
from sild.documents.statements import (
    canonical_json,
    parse_statement,
    seal_statement,
    seal_value,
    stamped_seal,
    verify_statement,
)

__all__ = [
    "ACT_FILE",
    "BIRTH_CLAIMS",
    "BIRTH_KIND",
    "CARD_CLAIMS",
    "CARD_KIND",
    "DECISION_FILE",
    "EXTRACT_LINES",
    "MAX_PACKAGE_BYTES",
    "SEAL_FILE",
    "BadPackage",
    "BirthEntry",
    "BirthExtract",
    "Born",
    "CardFace",
    "Described",
    "Happened",
    "KeyBinding",
    "PackageDefect",
    "Presented",
    "ReadPackage",
    "Sealer",
    "SubmittedFile",
    "TimeStamper",
    "act_package",
    "birth_certificate_pdf",
    "birth_extract_pdf",
    "birth_presentation",
    "canonical_json",
    "card_pdf",
    "card_presentation",
    "credential_in",
    "package_of",
    "parse_statement",
    "present",
    "qr_svg",
    "read_birth_extract",
    "read_package",
    "seal_pdf",
    "seal_statement",
    "seal_value",
    "shown_claims",
    "stamped_seal",
    "verify_presentation",
    "verify_sealed_pdf",
    "verify_statement",
]
