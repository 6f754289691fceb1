"""Who was told of a person without asking: each event about somebody is a use of their data, shown to them like any look.

It is written before its message goes out, once however often the message is tried: the record and both message logs have the same id.
"""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase

from sqlalchemy import Connection, select

from sild.events import Event
from sild.registries.identity_codes import InvalidIdentityCode, parse_identity_code
from sild.registries.kernel.tables import usage_persons, usage_records
from sild.registries.kernel.transfers import TELLING
from sild.registries.kernel.usage import Usage, record_usage
from sild.registries.profiles import profile

__all__ = ["CHANGE", "TOLD", "is_of_person", "record_telling", "said_of_telling"]

GROUND = "telling"
CHANGE = "The body was told of a change"
TOLD = (
    ("civil.birth.*", "The body was told of a birth"),
    ("civil.child.*", "The body was told of a birth"),
    ("civil.paternity.*", "The body was told who the father is"),
    ("civil.guardian.*", "The body was told of a guardian"),
    ("civil.death.annulled", "The body was told that a recorded death was none"),
    ("civil.death.*", "The body was told of a death"),
    ("residence.*", "The body was told of a change of home"),
    ("*.home.followed", "The body was told of a change of home"),
    ("*.payment.*", "The body was told of a payment"),
    ("social.*", "The body was told of benefits"),
    ("education.*", "The body was told of a kindergarten place"),
    ("insurance.*", "The body was told of health insurance"),
    ("care.*", "The body was told of a family doctor"),
    ("*", CHANGE),
)
"""Of which events, by pattern, the first that fits; and what the data tracker says of them. A protection order, or a child that was
not born alive, is told in no more words than any other change: others may read with the person."""


def said_of_telling(operation: str) -> str | None:
    """As the data tracker says it; None: it is no telling."""
    event = operation.removeprefix(TELLING)
    if event == operation:
        return None
    return next(said for pattern, said in TOLD if fnmatchcase(event, pattern))


def is_of_person(event: Event) -> bool:
    """Whether its subject is one."""
    try:
        parse_identity_code(event.subject)
    except InvalidIdentityCode:
        return False
    return True


def record_telling(
    connection: Connection, at: datetime, event: Event, subscriber: str, message_id: str
) -> None:
    """subscriber: `INSTANCE/CLASS/CODE/SUBSYSTEM`.  message_id: of the message that brings it there. An event whose subject is no person is no use."""
    if not is_of_person(event):
        return
    person = parse_identity_code(event.subject)
    same = (usage_persons.c.person == person.text, usage_records.c.message_id == message_id)
    query = select(usage_records.c.id).join_from(usage_persons, usage_records).where(*same)
    if connection.scalar(query.limit(1)) is not None:
        return
    usage = Usage(
        client=subscriber.strip("/"),
        message_id=message_id,
        user_id="automatic",
        issue=event.extensions.get("caseid"),
        basis=profile(person.country).grounds.get(GROUND),
    )
    record_usage(connection, at, f"{TELLING}{event.type}"[:100], "done", usage, [person.text])
