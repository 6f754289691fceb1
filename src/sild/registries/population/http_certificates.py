"""Birth certificates over REST: which one may have, one with its code, on paper; the issuer's keys and status list for whoever checks."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Response
from pydantic import Field

from sild.registries.credentials import STATUS_LIST_TYPE
from sild.registries.kernel.http import Model, PersonalUsage
from sild.registries.population.certificates import BirthCertificates

__all__ = [
    "CERTIFICATE_ABOUT",
    "CERTIFICATE_ACTIONS",
    "CERTIFICATE_TITLES",
    "add_certificate_paths",
]

CERTIFICATE_TITLES: dict[str, tuple[int, str]] = {
    "not_entitled": (403, "Only for the person, or whoever acts for them"),
    "no_certificate": (404, "There is no such certificate for this person"),
}
CERTIFICATE_ACTIONS = {
    "listBirthCertificates": "Birth certificates were looked up",
    "getBirthCertificate": "A birth certificate was issued",
    "printBirthCertificate": "A birth certificate was issued on paper",
}
CERTIFICATE_ABOUT = dict.fromkeys(
    CERTIFICATE_ACTIONS,
    ("person.birth_certificate",),
)

Code = Annotated[str, Path(max_length=20, description="Identity code of whoever has the right")]
Entry = Annotated[
    str, Path(max_length=36, description="Id of the decision that registered the birth: `/decisions/{id}`")
]
Language = Literal["et", "vi", "en"]


class Paper(Model):
    """One that can be had."""

    id: str = Field(description="Of the entry: the decision that registered the birth")
    name: str = Field(description="The child's, in the order of its country")
    on: date = Field(description="Date of birth")
    relation: Literal["self", "child", "ward"]


class Papers(Model):
    items: list[Paper]


class BirthCertificate(Model):
    number: str
    name: str
    born: date
    state: Literal["valid"] = "valid"
    issued_on: date
    place_is_kept: bool = Field(description="The place of birth is not given: a protection order")
    presentation: str = Field(description="SD-JWT VC, what the certificate's QR code shows")
    decision: str = Field(description="Record of the registration: `/decisions/{id}`")


def add_certificate_paths(app: FastAPI, certificates: BirthCertificates) -> None:
    _add_papers(app, certificates)

    @app.get("/status-list", operation_id="getStatusList")
    def get_status_list() -> Response:
        """Which certificates were revoked: token status list, signed."""
        return Response(certificates.status_list(), media_type=STATUS_LIST_TYPE)

    @app.get("/issuer", operation_id="getIssuer")
    def get_issuer() -> dict[str, Any]:
        """The issuer of certificates and its keys: JWT VC issuer metadata."""
        return certificates.issuer.metadata()


def _add_papers(app: FastAPI, certificates: BirthCertificates) -> None:
    @app.get("/persons/{code}/birth-certificates", operation_id="listBirthCertificates")
    def list_certificates(code: Code, usage: PersonalUsage) -> Papers:
        """Of births registered here: the person's own, their children's, their wards'."""
        return Papers(
            items=[
                Paper(
                    id=one.entry,
                    name=one.birth.child.full_name,
                    on=one.birth.child.born,
                    relation=one.relation,
                )
                for one in certificates.of(code, usage)
            ]
        )

    @app.get("/persons/{code}/birth-certificates/{entry}", operation_id="getBirthCertificate")
    def get_certificate(code: Code, entry: Entry, usage: PersonalUsage) -> BirthCertificate:
        """Issued, where it was not yet."""
        issued = certificates.issue(code, entry, usage)
        face = issued.face
        return BirthCertificate(
            number=face.number,
            name=face.child.full_name,
            born=face.child.born,
            issued_on=face.issued_on,
            place_is_kept=face.place_is_kept,
            presentation=issued.presentation,
            decision=issued.decision,
        )

    @app.get(
        "/persons/{code}/birth-certificates/{entry}/pdf",
        operation_id="printBirthCertificate",
        response_class=Response,
        responses={200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}},
    )
    def print_certificate(
        code: Code, entry: Entry, usage: PersonalUsage, language: Language = "et"
    ) -> Response:
        """The same on paper: sealed PDF of size A4."""
        return Response(certificates.paper(code, entry, language, usage), media_type="application/pdf")
