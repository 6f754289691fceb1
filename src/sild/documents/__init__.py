"""Papers: what the state gives people to print or keep, with a code that anyone can check without a network.

A paper is set from a template of ours (PDF/A-3a, PDF/UA-1) and plain values, carries a presentation of an SD-JWT VC (RFC 9901) in
a QR code and as an attachment, and is sealed by the body that issues it (PAdES). Bytes and values in, bytes and values out: no
sockets, files of others, clock or database. Called by registers, which hold the facts and keys, and by the portal, which shows codes.

insurance_card.py  the card          presentation.py  what is shown of a credential, and the verifier   codes.py  QR codes
typesetting.py     templates -> PDF  sealing.py       seals; what a reader finds in a paper
"""

from sild.documents.codes import qr_svg
from sild.documents.insurance_card import CARD_CLAIMS, CARD_KIND, CardFace, card_pdf, card_presentation
from sild.documents.presentation import Presented, present, shown_claims, verify_presentation
from sild.documents.sealing import PaperSeal, Sealer, credential_in, seal_pdf, verify_sealed_pdf

__all__ = [
    "CARD_CLAIMS",
    "CARD_KIND",
    "CardFace",
    "PaperSeal",
    "Presented",
    "Sealer",
    "card_pdf",
    "card_presentation",
    "credential_in",
    "present",
    "qr_svg",
    "seal_pdf",
    "shown_claims",
    "verify_presentation",
    "verify_sealed_pdf",
]
