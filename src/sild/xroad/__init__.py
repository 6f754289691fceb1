"""X-Road's messages and trust: PR-MESS, PR-REST, PR-MESSTRANSP, PR-SIGDOC, PR-GCONF (docs/xroad.md).

Pure: bytes and values in, values out; the time is an argument. Every room above may call it. This door has the identifiers;
the others are the modules themselves, one a document:

rest.py  soap.py             messages                faults.py  fault_codes.py      what is told when something fails
mime.py  transport.py        between two servers     verification.py                whose signature, certificate, connection
envelope.py  soap_writing.py read, written           soap_stream.py                  with an information system
management/                  what servers ask of the central server
globalconf/                  the configuration       evidence.py  recorded.py  archive_linking.py    judging after the fact
"""

from sild.xroad.identifiers import (
    ClientId,
    GlobalGroupId,
    LocalGroupId,
    SecurityServerId,
    ServiceId,
    ensure_new_identifier,
)

__all__ = [
    "ClientId",
    "GlobalGroupId",
    "LocalGroupId",
    "SecurityServerId",
    "ServiceId",
    "ensure_new_identifier",
]
