"""The message log: every message with its signature, written durably before its effect, time-stamped, archived.

Follows PR-MESSLOG and UG-SYSPAR, digested in WIRE 8, 9 and 17. Called by the security server: `append` before a message
is acted on or an answer handed over; `find` and `as_asice` for evidence afterwards.
A message's way: `log.py` -> `writer.py` (group commit) -> `sqlite.py` or `postgresql.py`; later `timestamper.py`,
`archiver.py`, `containers.py`. What the log itself says about a person: `witness.py`,
from `mention_index.py`, which `mentions.py` reads out of requests.
"""

from sild.message_log.archiver import Archiver, ArchivingRules
from sild.message_log.body_logging import BodyLogging
from sild.message_log.containers import container_name
from sild.message_log.encryption import BodyEncryption
from sild.message_log.keystore import add_secret, read_keystore
from sild.message_log.linking import ArchiveReport, verify_archive
from sild.message_log.log import MessageLog
from sild.message_log.mention_index import MentionIndex
from sild.message_log.openpgp import ArchiveEncryption
from sild.message_log.records import Body, LoggedMessage, MessageRecord, TimestampRecord
from sild.message_log.store import Search
from sild.message_log.timestamper import Timestamper, TimestampingRules
from sild.message_log.transfer import ArchiveTransfer
from sild.message_log.witness import WitnessQuestion, listed_digest, scan, seal_witness, witness

__all__ = [
    "ArchiveEncryption",
    "ArchiveReport",
    "ArchiveTransfer",
    "Archiver",
    "ArchivingRules",
    "Body",
    "BodyEncryption",
    "BodyLogging",
    "LoggedMessage",
    "MentionIndex",
    "MessageLog",
    "MessageRecord",
    "Search",
    "TimestampRecord",
    "Timestamper",
    "TimestampingRules",
    "WitnessQuestion",
    "add_secret",
    "container_name",
    "listed_digest",
    "read_keystore",
    "scan",
    "seal_witness",
    "verify_archive",
    "witness",
]
