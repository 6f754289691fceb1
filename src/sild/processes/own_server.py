"""The security server that a process of ours talks to as an information system: where it is, and how the two know each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from sild.adapter import SecurityServerTls
from sild.http1 import ensure_guarded
from sild.settings import Settings
from sild.xroad import ClientId, ServiceId

__all__ = ["OwnServer", "OwnServerTls", "ServiceName", "SystemName", "service_named"]

SystemName = Annotated[str, Field(pattern=r"^[^/]+/[^/]+/[^/]+/[^/]+$")]
"""INSTANCE/CLASS/CODE/SUBSYSTEM"""
ServiceName = Annotated[str, Field(pattern=r"^[^/]+/[^/]+/[^/]+/[^/]+/[^/]+$")]
"""INSTANCE/CLASS/CODE/SUBSYSTEM/SERVICE"""
OwnServer = Annotated[str, AfterValidator(ensure_guarded)]


class OwnServerTls(Settings):
    """How this information system and its security server know each other on port 8443. PEM files."""

    server_certificate: Path | None = (
        None  # the server's own, for information systems; none: the system's authorities
    )
    certificate: Path | None = None  # ours, for the connection type HTTPS
    key: Path | None = None

    def at(self, base: Path) -> SecurityServerTls:
        files = {
            name: base / file for name in type(self).model_fields if (file := getattr(self, name)) is not None
        }
        return SecurityServerTls(**files)

    @model_validator(mode="after")
    def _both_or_none(self) -> OwnServerTls:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        return self


def service_named(text: str) -> ServiceId:
    *subsystem, service = text.split("/")
    return ServiceId(ClientId(*subsystem), service)
