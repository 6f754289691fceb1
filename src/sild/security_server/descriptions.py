"""Descriptions of services, fetched from where they are published: WSDL and OpenAPI (UG-SS 6.1).

Whoever adds or refreshes a service by its description calls this; the message path fetches one only for getWsdl and
getOpenAPI. As in the reference, the server offers its internal certificate over https and takes any that the publisher shows.
"""

from __future__ import annotations

from sild.errors import CallerError, PeerError
from sild.security_server.access_rights import AccessRights
from sild.security_server.openapi import MAX_DESCRIPTION_BYTES
from sild.security_server.serverconf import ServerConf
from sild.security_server.service_call import ServiceCaller, service_target
from sild.security_server.snapshot import ServiceConf, ServiceType
from sild.xroad.identifiers import ClientId, ServiceId

__all__ = ["Descriptions"]

FETCH_TIMEOUT = 30  # seconds of silence


class Descriptions:
    """Adds and refreshes services by their descriptions. Every method fetches, checks, and changes all or nothing.

    Raises Unavailable (`network_error`, ...), PeerError (`http_error`), and what `ServerConf` raises.
    """

    def __init__(self, serverconf: ServerConf, services: ServiceCaller) -> None:
        self._serverconf = serverconf
        self._services = services

    async def add_wsdl(self, client: ClientId, url: str) -> tuple[ServiceId, ...]:
        """Every operation of the WSDL description at `url`."""
        return self._serverconf.add_wsdl(client, url, await self.fetch(client, url))

    async def add_openapi(self, client: ClientId, service_code: str, url: str) -> ServiceId:
        """The REST service described in OpenAPI 3 at `url`."""
        return self._serverconf.add_openapi_service(client, service_code, url, await self.fetch(client, url))

    async def refresh(self, service: ServiceId) -> None:
        """Read the service's description anew; with a WSDL all its operations are refreshed."""
        conf = self._serverconf.snapshot.services.get(service)
        if conf is None:
            raise CallerError(f"{service} is no service of this security server", code="not_found")
        if conf.service_type is ServiceType.REST:
            raise CallerError(f"{service} has no description", code="bad_request")
        data = await self.fetch(service.client_id, conf.description_url)
        if conf.service_type is ServiceType.WSDL:
            self._serverconf.refresh_wsdl(service.client_id, conf.description_url, data)
        else:
            self._serverconf.refresh_openapi_service(service, data)

    async def fetch(self, client: ClientId, url: str) -> bytes:
        """The description at `url`, at most 10 MiB."""
        asked = ServiceConf(
            service_id=ServiceId(client, "description"),
            service_type=ServiceType.REST,
            url=url,
            description_url=url,
            timeout=FETCH_TIMEOUT,
            verify_tls=False,
            disabled_notice=None,
            endpoints=(),
            rights=AccessRights(),
        )
        target = service_target(url, "", None)
        async with self._services.call(asked, "GET", target, [], None, frozenset()) as answer:
            if answer.status != 200:
                raise PeerError(
                    f"Failed reading service description from {url}. Status: {answer.status}",
                    code="http_error",
                )
            return await answer.read(MAX_DESCRIPTION_BYTES)
