"""What a server tells about itself and the instance: listClients, listMethods, allowedMethods, getOpenAPI (PR-META, PR-MREST).

`listClients` is answered by the client's own server. The others are REST messages to a provider's subsystem: no access right
is needed, but they are verified, logged and signed like any message. Rendering is pure; only the description is fetched.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape

import yaml

from sild.errors import CallerError, PeerError, PlatformError
from sild.security_server.openapi import MAX_DESCRIPTION_BYTES, load_description
from sild.security_server.service_call import ServiceCaller, service_target
from sild.security_server.snapshot import ServerConfSnapshot, ServiceConf, ServiceType
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import ClientId, ServiceId
from sild.xroad.rest import RestRequest

__all__ = ["REST_METASERVICES", "answer_metaservice", "is_metaservice", "may_use", "render_client_list"]

REST_METASERVICES = frozenset({"listMethods", "allowedMethods", "getOpenAPI"})
JSON = b"application/json"


# --- listClients --------------------------------------------------------------------------------------------------


def render_client_list(
    globalconf: GlobalConf, instance: str, accept: Sequence[str], at: datetime
) -> tuple[bytes, bytes]:
    """Content type and body: JSON when an Accept header lists application/json, else XML.

    Raises TrustError (`internal_error`, as X-Road) for an unknown instance.
    """
    entries = list(_clients(globalconf, instance, at))
    if any(
        choice.split(";")[0].strip().lower() == "application/json"
        for value in accept
        for choice in value.split(",")
    ):
        members = [_json_client(*entry) for entry in entries]
        return b"application/json; charset=utf-8", _json({"member": members})
    body = "".join(_xml_client(*entry) for entry in entries)
    return b"text/xml; charset=UTF-8", (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        '<xroad:clientList xmlns:xroad="http://x-road.eu/xsd/xroad.xsd" xmlns:id="http://x-road.eu/xsd/identifiers">'
        f"{body}</xroad:clientList>"
    ).encode()


def _clients(
    globalconf: GlobalConf, instance: str, at: datetime
) -> Iterator[tuple[ClientId, str, str | None]]:
    """Each member, and its subsystems after it, with the member's name and the subsystem's."""
    for member in globalconf.shared(instance, at).members:
        yield member.id, member.name, None
        for subsystem in member.subsystems:
            yield subsystem.id, member.name, subsystem.name


def _json_client(client: ClientId, name: str, subsystem_name: str | None) -> dict[str, object]:
    entry: dict[str, object] = {"id": _json_id(client), "name": name}
    if subsystem_name is not None:
        entry["subsystem_name"] = subsystem_name
    return entry


def _json_id(client: ClientId) -> dict[str, str]:
    kind = "MEMBER" if client.subsystem_code is None else "SUBSYSTEM"
    names = ("xroad_instance", "member_class", "member_code", "subsystem_code")
    return {"object_type": kind, **dict(zip(names, client.parts, strict=False))}


def _xml_client(client: ClientId, name: str, subsystem_name: str | None) -> str:
    kind = "MEMBER" if client.subsystem_code is None else "SUBSYSTEM"
    names = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
    parts = "".join(
        f"<id:{tag}>{escape(part)}</id:{tag}>" for tag, part in zip(names, client.parts, strict=False)
    )
    more = (
        ""
        if subsystem_name is None
        else f"<xroad:subsystemName>{escape(subsystem_name)}</xroad:subsystemName>"
    )
    return (
        f'<xroad:member><xroad:id id:objectType="{kind}">{parts}</xroad:id>'
        f"<xroad:name>{escape(name)}</xroad:name>{more}</xroad:member>"
    )


# --- REST metaservices of a provider --------------------------------------------------------------------------------


def is_metaservice(message: RestRequest) -> bool:
    return message.method == "GET" and message.service.service_code in REST_METASERVICES


async def answer_metaservice(
    message: RestRequest,
    conf: ServerConfSnapshot,
    globalconf: GlobalConf,
    services: ServiceCaller,
    at: datetime,
) -> tuple[bytes, bytes]:
    """Content type and body. Raises CallerError, PeerError (`invalid_request`, `internal_error`): getOpenAPI only."""
    provider = message.service.client_id
    if message.service.service_code == "getOpenAPI":
        return await _openapi(message, conf, services)
    allowed_for = message.client if message.service.service_code == "allowedMethods" else None
    listed = [
        _json_service(service, allowed_for, globalconf, at)
        for service in conf.services.values()
        if service.service_id.client_id == provider
        and service.service_type is not ServiceType.WSDL
        and (allowed_for is None or may_use(service, allowed_for, globalconf, at))
    ]
    return JSON, _json({"service": listed})


def may_use(service: ServiceConf, client: ClientId, globalconf: GlobalConf, at: datetime) -> bool:
    """Any right at all on the service."""
    rights = service.rights
    return client in rights.by_client or any(
        globalconf.in_global_group(group, client, at) for group, _ in rights.by_global_group
    )


def _json_service(
    service: ServiceConf, allowed_for: ClientId | None, globalconf: GlobalConf, at: datetime
) -> dict[str, object]:
    names = ("xroad_instance", "member_class", "member_code", "subsystem_code", "service_code")
    endpoints = [
        {"method": method, "path": path}
        for method, path in service.endpoints
        if (method, path) != ("*", "**")
        and (
            allowed_for is None
            or service.rights.allows(
                allowed_for,
                method,
                path,
                in_global_group=lambda group, client: globalconf.in_global_group(group, client, at),
            )
        )
    ]
    return {
        "object_type": "SERVICE",
        **dict(zip(names, service.service_id.parts, strict=False)),
        "service_type": "OPENAPI" if service.service_type is ServiceType.OPENAPI3 else "REST",
        "endpoint_list": endpoints,
    }


async def _openapi(
    message: RestRequest, conf: ServerConfSnapshot, services: ServiceCaller
) -> tuple[bytes, bytes]:
    """The description as the service publishes it now, with the path alone left of its server addresses."""
    wanted = next(
        (value for name, value in parse_qsl(message.query or "") if name.lower() == "servicecode"), ""
    )
    if not wanted:
        raise CallerError("Missing serviceCode in message body", code="invalid_request")
    target = ServiceId(message.service.client_id, wanted)
    service = conf.services.get(target)
    if service is None:
        raise CallerError(f"Service not found: {target.long_form}", code="internal_error")
    if service.service_type is not ServiceType.OPENAPI3:
        raise CallerError(f"Invalid service type: {service.service_type.value}", code="internal_error")
    url = service.description_url
    client = conf.clients.get(target.client_id)
    certificates = client.certificates if client is not None else frozenset()
    try:
        request = service_target(url, "", None)
        async with services.call(service, "GET", request, [], None, certificates, url=url) as answer:
            if answer.status != 200:
                raise _unreadable(url, f"Status: {answer.status} Reason: {answer.reason}")
            content_type = answer.header(b"content-type")
            data = await answer.read(MAX_DESCRIPTION_BYTES)
    except PlatformError as error:
        if error.code == "internal_error":
            raise
        raise _unreadable(url, error.message) from error
    is_json = b"application/json" in (content_type or b"") or urlsplit(url).path.endswith(".json")
    # aside: a description of megabytes takes seconds, in which messages go on
    told = await asyncio.to_thread(anonymised_openapi, data, is_json=is_json)
    return content_type or b"application/octet-stream", told


def _unreadable(url: str, why: str) -> PeerError:
    return PeerError(f"Failed reading service description from {url}. {why}", code="internal_error")


def anonymised_openapi(data: bytes, *, is_json: bool) -> bytes:
    """Server addresses cut to their path; one with variables is left as it is (X-Road's rule).

    Raises CallerError (`bad_request`).
    """
    document = load_description(data)
    servers = document.get("servers")
    for server in servers if isinstance(servers, list) else ():
        url = server.get("url") if isinstance(server, dict) else None
        if isinstance(url, str) and not ("{" in url and "}" in url):
            server["url"] = _path(url)
    try:
        if is_json:
            return _json(document)
        dumped: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    except (TypeError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise CallerError("the description cannot be written", code="bad_request") from error
    return dumped.encode("utf-8", "replace")


_Dumper: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:  # no address, so nothing of it is told
        return ""


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
