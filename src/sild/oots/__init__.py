"""Evidence across borders: the exchange data model (EDM) of the EU's Once-Only Technical System, and what its common services know. Pure.

Follows the OOTS Technical Design Documents 1.2 (`oots-edm:v1.2`): chapter 4.5 in RegRep 4 (Evidence Request, Evidence Response, Error
Response), chapter 4.9 for previews, chapter 3 for the data of the Evidence Broker and the Data Service Directory, which are published with
CCCEV's words. What is asked for and answered over is the caller's: a REST message here, AS4 elsewhere (ADR 0055). Bytes and values in,
bytes and values out; time and identifiers are arguments. Called by the register that gives evidence and by the cases that ask for it.

model.py      the messages as values, and the eight exceptions     regrep.py    slots of RegRep 4, read within limits and written
request.py    the request as XML                                   response.py  the response and the error as XML
packages.py   a response with its documents: multipart/related     directory.py requirements, evidence types, who gives them
cccev.py      the directory as RDF                                 previews.py  addresses there and back
"""

from sild.oots.directory import (
    DataService,
    Directory,
    EvidenceTypeEntry,
    RequirementEntry,
    parse_requirements,
)
from sild.oots.model import (
    SPECIFICATION,
    Agent,
    EdmException,
    ErrorResponse,
    Evidence,
    EvidenceRequest,
    EvidenceResponse,
    EvidenceType,
    Requirement,
    Subject,
)
from sild.oots.packages import EDM_TYPE, package_media_type, read_package, write_package
from sild.oots.previews import origin_of, preview_address, return_address
from sild.oots.request import parse_request, request_xml
from sild.oots.response import error_xml, parse_answer, response_xml

__all__ = [
    "EDM_TYPE",
    "SPECIFICATION",
    "Agent",
    "DataService",
    "Directory",
    "EdmException",
    "ErrorResponse",
    "Evidence",
    "EvidenceRequest",
    "EvidenceResponse",
    "EvidenceType",
    "EvidenceTypeEntry",
    "Requirement",
    "RequirementEntry",
    "Subject",
    "error_xml",
    "origin_of",
    "package_media_type",
    "parse_answer",
    "parse_request",
    "parse_requirements",
    "preview_address",
    "read_package",
    "request_xml",
    "response_xml",
    "return_address",
    "write_package",
]
