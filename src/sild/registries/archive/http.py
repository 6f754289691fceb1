"""The archive's REST interface."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import FastAPI, Path, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from sild.documents import MAX_PACKAGE_BYTES
from sild.errors import CallerError
from sild.registries.archive.register import ArchiveRegister, Kept
from sild.registries.kernel.http import Concept, Model, PersonalUsage, SelfDescription, register_app

__all__ = ["TAR", "make_app"]

TAR = "application/x-tar"
CONCEPT = "person.archived_acts"
DESCRIPTION = SelfDescription(
    "archive",
    {"en": "Archive", "et": "Arhiiv", "vi": "Lưu trữ"},
    "National Archives",
    (Concept(CONCEPT, "Acts about a person that were archived, with the evidence of their decisions"),),
)
TITLES = {
    "bad_package": (400, "The package cannot be accepted"),
    "package_id_taken": (409, "Another package has this id"),
    "unknown_package": (404, "Unknown package"),
    "package_disposed": (410, "The package was disposed of when its time was over"),
    "package_damaged": (503, "The package cannot be given out"),
    "store_full": (503, "The archive cannot take anything now"),
}
ACTIONS = {
    "submitPackage": "An act was archived",
    "getPackage": "An archived act was taken out",
    "disposePackage": "An archived act was disposed of, its time being over",
}
ABOUT = dict.fromkeys(ACTIONS, (CONCEPT,))
PackageId = Annotated[str, Path(pattern=r"^uuid-[0-9a-f-]{36}$")]
_TAR_BODY = {"content": {TAR: {"schema": {"type": "string", "format": "binary"}}}}


class Receipt(Model):
    """receipt: what the archive took, canonical JSON; seal: of exactly these bytes, with its time-stamp.

    stamped_at: null: none yet; whoever hands the package in again is given the one that came since.
    """

    package: str
    sha256: str
    received_at: datetime
    keep_until: date | None = Field(default=None, description="None: for ever")
    receipt: str
    seal: str
    stamped_at: datetime | None = None


def make_app(register: ArchiveRegister, *, url: str | None = None) -> FastAPI:
    app = register_app(register.kernel, DESCRIPTION, titles=TITLES, actions=ACTIONS, kinds=ABOUT, url=url)

    @app.post(
        "/packages",
        operation_id="submitPackage",
        status_code=201,
        openapi_extra={"requestBody": {"required": True, **_TAR_BODY}},
        responses={200: {"model": Receipt, "description": "It is here already"}},
    )
    async def submit(request: Request, usage: PersonalUsage, response: Response) -> Receipt:
        """A submission information package (E-ARK SIP 2.1.0), an uncompressed tar of at most 8 MiB."""
        content = await _body(request)
        kept, is_new = await run_in_threadpool(register.submit, content, usage)
        response.status_code = 201 if is_new else 200
        return _receipt(kept)

    @app.get(
        "/packages/{package}", operation_id="getPackage", response_class=Response, responses={200: _TAR_BODY}
    )
    def get_package(package: PackageId, usage: PersonalUsage) -> Response:
        """As it was handed in, for the body that did."""
        _, content = register.package(package, usage)
        return Response(content, media_type=TAR)

    return app


async def _body(request: Request) -> bytes:
    """Raises CallerError as soon as it is too much."""
    held = bytearray()
    async for part in request.stream():
        held += part
        if len(held) > MAX_PACKAGE_BYTES:
            raise CallerError(f"at most {MAX_PACKAGE_BYTES} bytes", code="bad_package")
    return bytes(held)


def _receipt(kept: Kept) -> Receipt:
    return Receipt(
        package=kept.id,
        sha256=kept.sha256,
        received_at=kept.received_at,
        keep_until=kept.keep_until,
        receipt=kept.receipt,
        seal=kept.seal,
        stamped_at=kept.stamped_at,
    )
