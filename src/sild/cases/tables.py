"""What the case system keeps. Actions, messages, silences and refusals are added and never changed; the database sees to it.

`cases.seq` and `cases.closed_at` repeat what the actions say, for lists and for the optimistic check. Jobs, notices, drafts and
mandates change until they have ended.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    and_,
)

from sild.database import UtcDateTime

__all__ = [
    "actions",
    "blocks",
    "cases",
    "counters",
    "deliveries",
    "drafts",
    "file_parts",
    "files",
    "holdings",
    "jobs",
    "keys",
    "mandates",
    "messages",
    "notices",
    "offline_records",
    "oversight",
    "parties",
    "proofs",
    "publications",
    "signatures",
    "silences",
]

metadata = MetaData()
_PERSON = String(100)
_CASE = String(50)

cases = Table(
    "cases",
    metadata,
    Column("id", _CASE, primary_key=True),
    Column("number", String(50), nullable=False, unique=True),
    Column("service", String(100), nullable=False),
    Column("office", String(100), index=True),  # `birth@0793`
    Column("data", JSON, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("seq", Integer, nullable=False),  # of the newest action
    Column("closed_at", UtcDateTime, index=True),
    Index("cases_service_opened", "service", "opened_at"),
)

actions = Table(
    "case_actions",
    metadata,
    Column("case", ForeignKey("cases.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("name", String(50), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("person", _PERSON, nullable=False),
    Column("role", String(50), nullable=False),
    Column("acting_for", _PERSON, nullable=False),
    Column("mandate", String(200)),
    Column("acr", String(20), nullable=False),
    Column("posture", String(20), nullable=False),
    Column("data", JSON, nullable=False),
)

keys = Table(
    "case_keys",
    metadata,
    Column("person", _PERSON, primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("case", ForeignKey("cases.id"), nullable=False),
    Column("action", String(50), nullable=False),
    Column("seq", Integer, nullable=False),
)

parties = Table(
    "case_parties",
    metadata,
    Column("case", ForeignKey("cases.id"), primary_key=True),
    Column("role", String(50), primary_key=True),
    Column("person", _PERSON, primary_key=True),
    Column(
        "since", Integer, nullable=False
    ),  # seq of the action that brought them in; 0: there from the beginning
    Column("position", Integer, nullable=False),
    Index("case_parties_of", "person"),
)

drafts = Table(
    "case_drafts",
    metadata,
    Column("case", ForeignKey("cases.id"), primary_key=True),
    Column("screen", String(100), primary_key=True),
    Column("person", _PERSON, primary_key=True, index=True),
    Column("given", JSON, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("digest", String(64)),  # of the screen it was written into
)

screens = Table(
    "case_screens",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("screen", String(100), nullable=False),
    Column("version", Integer, nullable=False),
    Column("content", JSON, nullable=False),
)
"""Every form of a screen that was ever shown."""

sights = Table(
    "case_sights",
    metadata,
    Column("case", ForeignKey("cases.id"), primary_key=True),
    Column("screen", String(100), primary_key=True),
    Column("person", _PERSON, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("shown", JSON, nullable=False),  # facts, options
    Column("at", UtcDateTime, nullable=False),
)
"""What each person was shown last."""

seen = Table(
    "case_seen",
    metadata,
    Column("case", ForeignKey("cases.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("shown", JSON, nullable=False),
    Column("given", JSON, nullable=False),  # as the form sent it
    Column("at", UtcDateTime),  # when it was shown; none: it was acted without
)
"""What was seen with an action."""

proofs = Table(
    "case_proofs",
    metadata,
    Column("case", ForeignKey("cases.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("person", _PERSON, nullable=False),
    Column("proof", Text, nullable=False),  # signed by the identity provider
    Column("operations", JSON),  # of registers, for which alone it is; none: of an official
    Column("says", String(30)),  # the kind of thing that was said, where somebody else's message carries it
    Column("salt", String(32)),  # of the hash in the token of what exactly was said
)
"""Who acted, of those whose acts registers do."""

notices = Table(
    "case_notices",
    metadata,
    Column("id", String(50), primary_key=True),
    Column("case", ForeignKey("cases.id"), nullable=False, index=True),
    Column("person", _PERSON, nullable=False, index=True),
    Column("text", String(200), nullable=False),
    Column("details", JSON, nullable=False),
    Column("not_before", UtcDateTime, nullable=False),
    Column("read_at", UtcDateTime),
    Column("pushed_at", UtcDateTime),
    Column("cancelled_for", String(100)),
)
_WAKING = (notices.c.pushed_at.is_(None), notices.c.read_at.is_(None), notices.c.cancelled_for.is_(None))
Index(
    "case_notices_waking",
    notices.c.not_before,
    sqlite_where=and_(*_WAKING),
    postgresql_where=and_(*_WAKING),
)
"""Of the few that nobody was woken for yet."""

deliveries = Table(
    "case_deliveries",
    metadata,
    Column("id", String(50), primary_key=True),
    Column("case", ForeignKey("cases.id"), nullable=False),
    Column("notice", String(50), nullable=False),  # with which it was told of first
    Column("person", _PERSON, nullable=False),
    Column("register", String(255), nullable=False),
    Column("decision", String(36), nullable=False),
    Column("channel", String(20), nullable=False),  # portal, push
    Column("language", String(10), nullable=False),
    Column("event", String(20), nullable=False),  # delivered, opened
    Column("at", UtcDateTime, nullable=False),
    Column("state", String(10), nullable=False),  # waiting, told, refused
    Column("tries", Integer, nullable=False),
    Column("reason", String(100)),
    Column("next_try", UtcDateTime, nullable=False),
    Index("case_deliveries_due", "state", "next_try"),
    Index("case_deliveries_notice", "notice"),
    Index("case_deliveries_person", "person", "case"),
)

jobs = Table(
    "case_jobs",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("case", ForeignKey("cases.id"), index=True),
    Column("seq", Integer, nullable=False),  # of the action that asked for it
    Column("service", String(100), nullable=False),
    Column("kind", String(50), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("state", String(10), nullable=False),  # waiting, running, done, failed, cancelled
    Column("body", String(255)),  # who does not answer
    Column("reason", String(100)),
    Column("next_try", UtcDateTime),
    Index("case_jobs_due", "state", "due_at"),
)

messages = Table(
    "case_messages",
    metadata,
    Column("position", Integer, primary_key=True),
    Column("message_id", String(255), nullable=False, index=True),
    Column("case", _CASE, index=True),
    Column("register", String(255), nullable=False),
    Column("operation", String(20), nullable=False),  # the HTTP method
    Column("path", String(2_000), nullable=False),
    Column("basis", String(255), nullable=False),
    Column("acting", _PERSON, nullable=False),
    Column("role", String(50), nullable=False),
    Column("sent_at", UtcDateTime, nullable=False),
    Column("answered_at", UtcDateTime),
    Column("outcome", String(100)),  # `done`, or the code of the refusal; None while it is under way
    Column("acting_for", _PERSON),  # whose word it was, if not their own
    Column("office", String(100)),  # for which it was asked
)

silences = Table(
    "case_silences",
    metadata,
    Column("person", _PERSON, primary_key=True),
    Column("event", String(300), primary_key=True),
    Column("reason", String(50), nullable=False),
    Column("begins", Date, nullable=False),
    Column("ends", Date),
    Column("against", _PERSON),  # of an order, or its end; none: nobody said, or it was before we kept it
    Column("told", UtcDateTime),  # when the register said it; none: before we kept it
)

oversight = Table(
    "case_oversight",
    metadata,
    Column("position", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("person", _PERSON, nullable=False, index=True),
    Column("code", String(100), nullable=False),
    Column("case", _CASE, index=True),
    Column("about", _PERSON, index=True),
)

mandates = Table(
    "case_mandates",
    metadata,
    Column("id", String(50), primary_key=True),
    Column("clerk", _PERSON, nullable=False),
    Column("person", _PERSON, nullable=False),
    Column("service", String(100), nullable=False),
    Column("statement", String(2_000), nullable=False),
    Column("given_at", UtcDateTime, nullable=False),
    Column("valid_to", UtcDateTime, nullable=False),
    Column("case", ForeignKey("cases.id")),
    Column("ended_at", UtcDateTime),
    Column("way", String(20)),  # counter, phone
    Column("document", String(30)),  # by which the clerk knew the person: its kind
    Column("document_number", String(50)),
)
"""One-off mandates of clerks. Each is a case of the service `assisted` besides, with the same id: the person's own."""

files = Table(
    "case_files",
    metadata,
    Column("id", String(50), primary_key=True),
    Column("case", ForeignKey("cases.id"), nullable=False, index=True),
    Column("screen", String(100), nullable=False),
    Column("field", String(50), nullable=False),
    Column("person", _PERSON, nullable=False, index=True),  # whose it is
    Column("uploaded_by", _PERSON, nullable=False),
    Column("name", String(200), nullable=False),
    Column("media_type", String(50), nullable=False),
    Column("size", Integer, nullable=False),  # bytes, as kept
    Column("sha256", String(64), nullable=False),  # of what is kept
    Column("at", UtcDateTime, nullable=False),
    Column("seq", Integer),  # of the action it was sent with; none: of a draft, which expires
)

file_parts = Table(
    "case_file_parts",
    metadata,
    Column("file", ForeignKey("case_files.id"), primary_key=True),
    Column("position", Integer, primary_key=True),  # from 0
    Column("content", LargeBinary, nullable=False),
)

signatures = Table(
    "case_signatures",
    metadata,
    Column("id", String(50), primary_key=True),
    Column("state_hash", String(64), nullable=False, unique=True),  # of what the person brings back
    Column("case", ForeignKey("cases.id"), nullable=False, index=True),
    Column("action", String(50), nullable=False),
    Column("screen", String(100), nullable=False),
    Column("person", _PERSON, nullable=False),  # who signs
    Column("actor", JSON, nullable=False),  # how they were logged in; until it is done
    Column("given", JSON, nullable=False),  # the form; until it is done
    Column("key", String(100), nullable=False),  # of the form
    Column("name", String(100), nullable=False),
    Column("document", Text, nullable=False),  # what is signed
    Column("sha256", String(64), nullable=False),
    Column("language", String(10), nullable=False),
    Column("kept", JSON, nullable=False),  # key, certificates and time of the signature
    Column("code_verifier", String(128), nullable=False),
    Column("token", String(500)),
    Column("container", LargeBinary),  # ASiC-E
    Column("refusal", String(100)),
    Column("at", UtcDateTime, nullable=False),
    Column("seq", Integer),  # of the action that was done on it; none: not yet
)

counters = Table(
    "case_counters",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("value", Integer, nullable=False),
)

blocks = Table(
    "case_number_blocks",
    metadata,
    Column("id", String(50), primary_key=True),
    Column("service", String(100), nullable=False),
    Column("office", String(100), nullable=False),
    Column("prefix", String(50), nullable=False),
    Column("first", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    Column("reserved_at", UtcDateTime, nullable=False),
    Column("reserved_by", _PERSON, nullable=False),
)

offline_records = Table(
    "case_offline_records",
    metadata,
    Column("id", String(100), primary_key=True),  # the commune's own, made without a connection
    Column("block", ForeignKey("case_number_blocks.id"), nullable=False),
    Column("number", String(50), nullable=False, index=True),
    Column("service", String(100), nullable=False),
    Column("subject", _PERSON, nullable=False, index=True),
    Column("content", JSON, nullable=False),
    Column("registered_at", UtcDateTime, nullable=False),
    Column("registered_by", _PERSON, nullable=False),
    Column("merged_at", UtcDateTime, nullable=False),
    Column("outcome", String(20), nullable=False),  # merged, conflict, entered (by hand)
    Column("reasons", JSON, nullable=False),
    Column("case", ForeignKey("cases.id"), nullable=False),
)

publications = Table(
    "case_publications",
    metadata,
    Column("service", String(100), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

holdings = Table(
    "case_holdings",
    metadata,
    Column("register", String(100), primary_key=True),  # `population`
    Column("concepts", JSON, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
"""What each register said last that it holds."""
