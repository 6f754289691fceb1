"""The words of the wire: names of parts, namespaces, algorithms, element names (XML-DSig, XAdES 1.3.2, ASiC, hash chains).

Parts of a message are named by the URI a signature refers to them with; in a container the same name without its first
slash is the entry's name.
"""

from __future__ import annotations

from typing import Final

MESSAGE: Final = "/message.xml"
SIGNATURES: Final = "/META-INF/signatures.xml"
SIG_HASH_CHAIN_RESULT: Final = "/sig-hashchainresult.xml"
SIG_HASH_CHAIN: Final = "/sig-hashchain.xml"
TS_HASH_CHAIN_RESULT: Final = "/ts-hashchainresult.xml"
TS_HASH_CHAIN: Final = "/ts-hashchain.xml"

NS_ASIC: Final = "http://uri.etsi.org/02918/v1.2.1#"
NS_ASIC_OLD: Final = "http://uri.etsi.org/02918/v1.1.1#"
NS_DS: Final = "http://www.w3.org/2000/09/xmldsig#"
NS_XADES: Final = "http://uri.etsi.org/01903/v1.3.2#"
NS_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
NS_HASH_CHAIN: Final = "http://cyber.ee/hashchain"

C14N: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
EXCLUSIVE_C14N: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
SIGNED_PROPERTIES_TYPE: Final = "http://uri.etsi.org/01903#SignedProperties"

MIME_TEXT_XML: Final = "text/xml"
MIME_HASH_CHAIN_RESULT: Final = "application/hash-chain-result"


def ds(name: str) -> str:
    return f"{{{NS_DS}}}{name}"


def xades(name: str) -> str:
    return f"{{{NS_XADES}}}{name}"
