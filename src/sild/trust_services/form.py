"""The body of the signing form of X-Road's test CA: multipart/form-data (RFC 7578) with one file and one field."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message

from sild.errors import CallerError

__all__ = ["FormField", "parse_form"]

MAX_FIELDS = 16
MAX_HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class FormField:
    """file_name: None for a plain field."""

    name: str
    file_name: str | None
    data: bytes


def parse_form(content_type: str, body: bytes) -> tuple[FormField, ...]:
    """The fields of a whole body in memory. Raises CallerError for anything but a well-formed form."""
    if len(content_type) > MAX_HEAD_BYTES:
        raise CallerError("the content type of the form is too long")
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise CallerError("the form must come as multipart/form-data with a boundary")
    if not 0 < len(boundary) <= 70 or not boundary.isascii():
        raise CallerError("the boundary is empty or too long")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode())
    if len(pieces) < 3 or len(pieces) > MAX_FIELDS + 2 or pieces[-1][:2] != b"--":
        raise CallerError("the form is empty, too long or has no end")
    return tuple(_field(piece) for piece in pieces[1:-1])


def _field(piece: bytes) -> FormField:
    padding, _, rest = piece.partition(b"\r\n")
    head, divider, data = rest.partition(b"\r\n\r\n")
    if padding.strip() or not divider or len(head) > MAX_HEAD_BYTES:
        raise CallerError("a field of the form has no header")
    disposition = Message()
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            disposition["content-disposition"] = value.strip()
    name_ = _parameter(disposition, "name")
    if disposition.get_content_disposition() != "form-data" or name_ is None:
        raise CallerError("a field of the form has no name")
    return FormField(name_, _parameter(disposition, "filename"), data)


def _parameter(disposition: Message, name: str) -> str | None:
    value = disposition.get_param(name, header="content-disposition")
    return value if isinstance(value, str) else None
