"""Operational monitoring: a record of every exchange, kept for some days, given out on request (PR-OPMON; WIRE 15).

Called by the security server (`store` for each exchange; `answer` for the two SOAP services) and by the daemon's process.
A record's way: `buffer.py` -> `monitor.py` -> `store.py` and `writing.py` (all SQL), or -> `remote.py` -> `daemon.py` of another process.
An answer's: `criteria.py` (what is asked) -> `store.py` -> `answers.py`; `health.py` adds up.
"""

from sild.op_monitor.answers import ATTACHMENT_CID, MonitoringAnswer
from sild.op_monitor.daemon import Daemon, is_server_owner
from sild.op_monitor.monitor import MONITORING_SERVICES, Monitor, OperationalMonitor
from sild.op_monitor.records import OperationalDataRecord
from sild.op_monitor.remote import RemoteMonitor, RemoteTls
from sild.op_monitor.rules import BufferRules, MonitoringRules

__all__ = [
    "ATTACHMENT_CID",
    "MONITORING_SERVICES",
    "BufferRules",
    "Daemon",
    "Monitor",
    "MonitoringAnswer",
    "MonitoringRules",
    "OperationalDataRecord",
    "OperationalMonitor",
    "RemoteMonitor",
    "RemoteTls",
    "is_server_owner",
]
