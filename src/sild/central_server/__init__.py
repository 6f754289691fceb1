"""The central server of an X-Road instance: who is a member, whom to trust, and the signed configuration that says so.

Follows UG-CS (administration), PR-GCONF (configuration), COMPAT I8 and I9 (spelling). Called by processes, the nation and,
later, by X-Road's administration API, whose resources `CentralServer`'s methods and records are shaped after.

central_server.py   CentralServer: create, open, publish, run        administration.py  transactions and audit rows
members.py          member classes, members, subsystems              security_servers.py, server_clients.py
management_requests.py  waiting, approval     request_effects.py, request_rows.py
global_groups.py    groups; the owners' group keeps itself           certification_services.py, timestamping_services.py
signing_keys.py     keys of both sources, over key_store.py          anchors.py, configuration_parts.py, parameters.py
request_services.py ports 4001 and 4002       service_tls.py, own_configuration.py  their TLS key; what they judge by
state.py            the database as one configuration                publisher.py  renders and signs; publication.py  switches
contents.py         an instance told in settings, applied            http.py       /internalconf, /externalconf and the files
"""

from sild.central_server.central_server import CentralServer
from sild.central_server.contents import InstanceContents, apply_contents
from sild.central_server.errors import Conflict, NotFound
from sild.central_server.http import configuration_app
from sild.central_server.publisher import Generation
from sild.central_server.records import (
    AutomaticApproval,
    ConfigurationType,
    KeyAlgorithm,
    ManagementRequestRecord,
    RequestKind,
    RequestOrigin,
    RequestStatus,
)
from sild.central_server.request_services import REQUEST_LIMITS, management_service, registration_service

__all__ = [
    "REQUEST_LIMITS",
    "AutomaticApproval",
    "CentralServer",
    "ConfigurationType",
    "Conflict",
    "Generation",
    "InstanceContents",
    "KeyAlgorithm",
    "ManagementRequestRecord",
    "NotFound",
    "RequestKind",
    "RequestOrigin",
    "RequestStatus",
    "apply_contents",
    "configuration_app",
    "management_service",
    "registration_service",
]
