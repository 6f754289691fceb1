"""Configuration anchors: our own, for servers and partners to start from; and our partners' (UG-CS 5.2, 5.6)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, delete, insert, select

from sild.central_server.administration import Administration, Change
from sild.central_server.errors import NotFound
from sild.central_server.parameters import read_parameters, write_parameter
from sild.central_server.records import CONFIGURATION_TYPES, Anchor, ConfigurationType, TrustedAnchor
from sild.central_server.tables import configuration_anchors, instance, signing_keys, trusted_anchors
from sild.central_server.validation import ensure_address
from sild.errors import CallerError, PeerError
from sild.xroad.globalconf import (
    AnchorSource,
    ConfigurationAnchor,
    anchor_hash,
    parse_anchor,
    render_anchor,
)

__all__ = ["Anchors", "download_urls", "write_anchor"]


class Anchors(Administration):
    def anchor(self, configuration_type: ConfigurationType) -> Anchor:
        """The anchor of a source. Raises NotFound (`configuration_not_found`: the source never had a key)."""
        query = select(
            configuration_anchors.c.anchor_file,
            configuration_anchors.c.anchor_hash,
            configuration_anchors.c.generated_at,
        ).where(configuration_anchors.c.source_type == configuration_type)
        with self._read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound("the source has no anchor yet", code="configuration_not_found")
        name = (
            f"configuration_anchor_{self.instance_identifier}_{configuration_type.lower()}"
            f"_UTC_{row.generated_at:%Y-%m-%d_%H_%M_%S}.xml"
        )
        return Anchor(*row, file_name=name)

    def recreate_anchor(self, configuration_type: ConfigurationType) -> Anchor:
        """Make the anchor anew, with the address and keys of now.

        Raises CallerError (`no_configuration_signing_keys_configured`).
        """
        with self._change(f"re_create_{configuration_type.lower()}_configuration_anchor") as change:
            if not write_anchor(change, configuration_type):
                raise CallerError(
                    "the source has no signing key", code="no_configuration_signing_keys_configured"
                )
        return self.anchor(configuration_type)

    def download_url(self, configuration_type: ConfigurationType) -> str:
        """Where people find the source: the first of its addresses."""
        with self._read() as connection:
            return download_urls(read_parameters(connection), configuration_type)[0]

    def set_address(self, address: str) -> None:
        """Move the central server, and make both anchors anew: they have to be handed out again.

        Raises CallerError (`bad_request`).
        """
        address = ensure_address(address, code="bad_request")
        with self._change("update_central_server_address", address=address) as change:
            write_parameter(change, "centralServerAddress", address)
            for configuration_type in CONFIGURATION_TYPES:
                write_anchor(change, configuration_type)

    # --- partners

    def trusted_anchors(self) -> tuple[TrustedAnchor, ...]:
        query = _trusted().order_by(trusted_anchors.c.instance_identifier)
        with self._read() as connection:
            return tuple(TrustedAnchor(*row) for row in connection.execute(query))

    def trusted_anchor(self, anchor_hash: str) -> TrustedAnchor:
        """Raises NotFound (`trusted_anchor_not_found`)."""
        with self._read() as connection:
            row = connection.execute(
                _trusted().where(trusted_anchors.c.anchor_hash == anchor_hash)
            ).one_or_none()
        if row is None:
            raise NotFound("no trusted anchor with this hash", code="trusted_anchor_not_found")
        return TrustedAnchor(*row)

    def add_trusted_anchor(self, file: bytes) -> TrustedAnchor:
        """Trust a partner instance by its external anchor; a former one of the same instance gives way.

        That the partner's configuration can be had and verified with it is the caller's to try first (it takes the network).
        Raises CallerError (`malformed_anchor`).
        """
        try:
            parsed = parse_anchor(file)
        except PeerError as error:
            raise CallerError(error.message, code="malformed_anchor") from error
        digest = anchor_hash(file)
        with self._change(
            "add_trusted_anchor", instance_identifier=parsed.instance_identifier, hash=digest
        ) as change:
            change.connection.execute(
                delete(trusted_anchors).where(
                    trusted_anchors.c.instance_identifier == parsed.instance_identifier
                )
            )
            change.connection.execute(
                insert(trusted_anchors).values(
                    instance_identifier=parsed.instance_identifier,
                    anchor_file=file,
                    anchor_hash=digest,
                    generated_at=parsed.generated_at,
                )
            )
        return self.trusted_anchor(digest)

    def delete_trusted_anchor(self, anchor_hash: str) -> None:
        """Raises NotFound (`trusted_anchor_not_found`)."""
        with self._change("delete_trusted_anchor", hash=anchor_hash) as change:
            deleted = change.connection.execute(
                delete(trusted_anchors).where(trusted_anchors.c.anchor_hash == anchor_hash)
            )
            if deleted.rowcount == 0:
                raise NotFound("no trusted anchor with this hash", code="trusted_anchor_not_found")


def _trusted() -> Select[Any]:  # TrustedAnchor's fields
    return select(
        trusted_anchors.c.instance_identifier,
        trusted_anchors.c.anchor_hash,
        trusted_anchors.c.generated_at,
        trusted_anchors.c.anchor_file,
    )


def download_urls(parameters: dict[str, str], configuration_type: ConfigurationType) -> list[str]:
    """`http://<address>/internalconf` and the like, one for each protocol in use."""
    path = f"{parameters['centralServerAddress']}/{configuration_type.lower()}conf"
    return [f"{protocol.strip()}://{path}" for protocol in parameters["confDownloadProtocols"].split(",")]


def write_anchor(change: Change, configuration_type: ConfigurationType) -> bool:
    """Make a source's anchor of its address and all its keys; False when it has no key."""
    connection = change.connection
    certificates = tuple(
        connection.scalars(
            select(signing_keys.c.certificate)
            .where(signing_keys.c.source_type == configuration_type)
            .order_by(signing_keys.c.id)
        )
    )
    if not certificates:
        return False
    identifier = connection.execute(select(instance.c.instance_identifier)).scalar_one()
    urls = download_urls(read_parameters(connection), configuration_type)
    sources = tuple(AnchorSource(url, certificates) for url in urls)
    file = render_anchor(ConfigurationAnchor(identifier, sources, change.at))
    connection.execute(
        delete(configuration_anchors).where(configuration_anchors.c.source_type == configuration_type)
    )
    connection.execute(
        insert(configuration_anchors).values(
            source_type=configuration_type,
            anchor_file=file,
            anchor_hash=anchor_hash(file),
            generated_at=change.at,
        )
    )
    return True
