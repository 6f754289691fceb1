"""Optional configuration parts, uploaded as files and handed to every server with the internal configuration (UG-CS 5.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import delete, insert, select

from sild.central_server.administration import Administration
from sild.central_server.errors import NotFound
from sild.central_server.records import ConfigurationPart, ConfigurationType
from sild.central_server.tables import configuration_parts
from sild.errors import CallerError, PeerError
from sild.xroad.globalconf import parse_fetch_interval, parse_monitoring, parse_next_update

__all__ = ["OPTIONAL_PARTS", "PRIVATE_PARAMETERS", "SHARED_PARAMETERS", "ConfigurationParts"]

SHARED_PARAMETERS = ("SHARED-PARAMETERS", "shared-params.xml")
PRIVATE_PARAMETERS = ("PRIVATE-PARAMETERS", "private-params.xml")

OPTIONAL_PARTS: Mapping[str, tuple[str, Callable[[bytes], object]]] = {
    "MONITORING": ("monitoring-params.xml", parse_monitoring),
    "FETCHINTERVAL": ("fetchinterval-params.xml", parse_fetch_interval),
    "NEXTUPDATE": ("nextupdate-params.xml", parse_next_update),
}
"""Content identifier -> file name and reader (the reader validates)."""


class ConfigurationParts(Administration):
    def configuration_parts(self, configuration_type: ConfigurationType) -> tuple[ConfigurationPart, ...]:
        """What a source consists of, the optional parts never uploaded included. Required parts carry no time here."""
        if configuration_type == "EXTERNAL":
            return (ConfigurationPart(*SHARED_PARAMETERS, optional=False, updated_at=None),)
        with self._read() as connection:
            uploaded = {
                row.content_identifier: row.updated_at
                for row in connection.execute(
                    select(configuration_parts.c.content_identifier, configuration_parts.c.updated_at)
                )
            }
        return (
            ConfigurationPart(*PRIVATE_PARAMETERS, optional=False, updated_at=None),
            ConfigurationPart(*SHARED_PARAMETERS, optional=False, updated_at=None),
            *(
                ConfigurationPart(identifier, name, optional=True, updated_at=uploaded.get(identifier))
                for identifier, (name, _reader) in OPTIONAL_PARTS.items()
            ),
        )

    def configuration_part(self, content_identifier: str) -> bytes:
        """The uploaded file. Raises NotFound (`configuration_part_file_not_found`)."""
        query = select(configuration_parts.c.data).where(
            configuration_parts.c.content_identifier == content_identifier
        )
        with self._read() as connection:
            data: bytes | None = connection.scalar(query)
        if data is None:
            raise NotFound(
                f"{content_identifier} was never uploaded", code="configuration_part_file_not_found"
            )
        return data

    def upload_configuration_part(self, content_identifier: str, data: bytes) -> None:
        """Raises CallerError (`unknown_configuration_part`, `configuration_part_validation_failed`)."""
        file_name, reader = _known_part(content_identifier)
        try:
            reader(data)
        except PeerError as error:
            raise CallerError(error.message, code="configuration_part_validation_failed") from error
        with self._change("upload_configuration_part", content_identifier=content_identifier) as change:
            change.connection.execute(
                delete(configuration_parts).where(
                    configuration_parts.c.content_identifier == content_identifier
                )
            )
            change.connection.execute(
                insert(configuration_parts).values(
                    content_identifier=content_identifier,
                    file_name=file_name,
                    data=data,
                    updated_at=change.at,
                )
            )

    def delete_configuration_part(self, content_identifier: str) -> None:
        """Hand the part out no longer (X-Road has no such operation). Raises CallerError, NotFound."""
        _known_part(content_identifier)
        with self._change("delete_configuration_part", content_identifier=content_identifier) as change:
            deleted = change.connection.execute(
                delete(configuration_parts).where(
                    configuration_parts.c.content_identifier == content_identifier
                )
            )
            if deleted.rowcount == 0:
                raise NotFound(
                    f"{content_identifier} was never uploaded", code="configuration_part_file_not_found"
                )


def _known_part(content_identifier: str) -> tuple[str, Callable[[bytes], object]]:
    try:
        return OPTIONAL_PARTS[content_identifier]
    except KeyError:
        raise CallerError(
            f"{content_identifier!r} is not an optional configuration part",
            code="unknown_configuration_part",
        ) from None
