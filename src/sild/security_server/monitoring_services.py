"""Monitoring as SOAP services of the server's owner (PR-OPMON, doc/EnvironmentalMonitoring; WIRE 15).

getSecurityServerOperationalData, getSecurityServerHealthData   answered by `op_monitor`, when there is one; whoever may
                                                                exchange messages may ask, and is told of its own only
getSecurityServerMetrics                                        the owner and the instance's monitoring client
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lxml import etree

from sild.errors import CallerError, PeerError
from sild.op_monitor import ATTACHMENT_CID, MONITORING_SERVICES, MonitoringAnswer
from sild.security_server.environment import Environment
from sild.security_server.environment_metrics import (
    MONITORING,
    MetricSet,
    StringMetric,
    render_metrics_response,
)
from sild.security_server.monitoring import XROAD_VERSION
from sild.security_server.soap_metaservices import OwnAnswer, OwnAttachment
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import ClientId, SecurityServerId, ServiceId
from sild.xroad.soap import SoapMessage

__all__ = ["MonitoringServices"]

METRICS = "getSecurityServerMetrics"
MOST_FIELDS = 1_000
_ATTACHMENT_FIELDS = (
    ("content-transfer-encoding", "binary"),
    ("content-id", f"<{ATTACHMENT_CID}>"),
)


class Answers(Protocol):
    async def answer(self, message: SoapMessage, *, client_sees_all: bool) -> MonitoringAnswer: ...


class MonitoringServices:
    """server_id: whose owner provides the services.  records: None answers no question for operational data, as if the service did not exist.

    limited: others than the owner are told of certificates and the operating system only.
    """

    def __init__(
        self,
        server_id: Callable[[], SecurityServerId],
        environment: Environment,
        records: Answers | None,
        *,
        limited: bool,
    ) -> None:
        self._server_id = server_id
        self._environment = environment
        self._records = records
        self._limited = limited

    def serves(self, service: ServiceId) -> bool:
        """Whether it is one of these, and here."""
        if service.client_id != self._server_id().owner:
            return False
        if service.service_code in MONITORING_SERVICES:
            return self._records is not None
        return service.service_code == METRICS and service.service_version is None

    def is_asked_elsewhere(self, service: ServiceId) -> bool:
        """Whether a monitor is asked, which counts as calling a service."""
        return service.service_code in MONITORING_SERVICES

    def authorize(self, message: SoapMessage, globalconf: GlobalConf) -> None:
        """Before the signature is looked at, as the reference does. Raises CallerError (`access_denied`)."""
        if message.service.service_code == METRICS and not self._is_privileged(message.client, globalconf):
            raise CallerError(f"Request is not allowed: {message.service.long_form}", code="access_denied")

    async def answer(self, message: SoapMessage, globalconf: GlobalConf) -> OwnAnswer:
        """Raises CallerError (`invalid_request`, ...), Unavailable: what the monitor says."""
        if message.service.service_code == METRICS:
            return await self._metrics(message)
        if self._records is None:
            raise CallerError(f"Unknown service: {message.service.long_form}", code="unknown_service")
        sees_all = self._sees_all(message, globalconf)
        told = await self._records.answer(message, client_sees_all=sees_all)
        if told.attachment is None:
            return OwnAnswer(told.body)
        return OwnAnswer(told.body, OwnAttachment("application/gzip", _ATTACHMENT_FIELDS, told.attachment))

    async def _metrics(self, message: SoapMessage) -> OwnAnswer:
        limited = self._limited and message.client != self._server_id().owner
        measured = await self._environment.metrics(_output_fields(message), limited=limited)
        root = MetricSet(self._server_id().long_form, (StringMetric("proxyVersion", XROAD_VERSION), measured))
        return OwnAnswer(render_metrics_response(root))

    def _sees_all(self, message: SoapMessage, globalconf: GlobalConf) -> bool:
        """An owner who did not name the server is told as any client, as the reference does."""
        is_owner = message.client == self._server_id().owner and message.security_server is not None
        return is_owner or message.client == globalconf.monitoring_client

    def _is_privileged(self, client: ClientId, globalconf: GlobalConf) -> bool:
        return client in (self._server_id().owner, globalconf.monitoring_client)


def _output_fields(message: SoapMessage) -> list[str]:
    """Names of the metrics asked for; those without a name are passed over. The document has been read as SOAP before."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(message.data, parser)
    except etree.XMLSyntaxError as error:
        raise PeerError("the request cannot be read", code="invalid_request") from error
    names = [(field.text or "").strip() for field in root.iter(f"{{{MONITORING}}}outputField")]
    if len(names) > MOST_FIELDS:
        raise CallerError(f"more than {MOST_FIELDS} output fields", code="invalid_request")
    return [name for name in names if name]
