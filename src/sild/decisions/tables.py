"""Tables of decisions. All are append-only (triggers), but for two: `decision_waiting`, a queue, and `decision_value_keys`, whose
rows can be deleted, which is what shredding is.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from sild.database import UtcDateTime

__all__ = [
    "APPEND_ONLY",
    "body_keys",
    "cases",
    "certificates",
    "checkpoints",
    "contest_outcomes",
    "contests",
    "deliveries",
    "entries",
    "finding_answers",
    "finding_ends",
    "findings",
    "inputs",
    "leaves",
    "metadata",
    "nodes",
    "package_files",
    "recomputes",
    "records",
    "release_answers",
    "releases",
    "replays",
    "ripple_steps",
    "ripples",
    "samples",
    "shreds",
    "subjects",
    "timestamps",
    "value_keys",
    "values",
    "waiting",
]

metadata = MetaData()
ID = String(36)
HASH = String(64)
NUMBER = BigInteger().with_variant(Integer, "sqlite")

cases = Table(
    "decision_cases",
    metadata,
    Column("case", String(200), primary_key=True),
    Column("opened_at", UtcDateTime, nullable=False),
)

certificates = Table(
    "decision_certificates",
    metadata,
    Column("sealer", HASH, primary_key=True),  # SHA-256 of the sealing certificate
    Column("position", Integer, primary_key=True),  # in its chain, 0 is itself
    Column("content", LargeBinary, nullable=False),  # DER
)

records = Table(
    "decision_records",
    metadata,
    Column("id", ID, primary_key=True),
    Column("case", ForeignKey("decision_cases.case"), nullable=False),
    Column("position", Integer, nullable=False),  # in the case
    Column("sha256", HASH, nullable=False),
    Column("content", LargeBinary, nullable=False),  # canonical, fields 1 to 11
    Column("link", LargeBinary, nullable=False),  # canonical
    Column("link_sha256", HASH, nullable=False),
    Column("seal", LargeBinary, nullable=False),
    Column("sealer", HASH, nullable=False),
    Column("decided_at", UtcDateTime, nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("automation", Integer, nullable=False),
    Column("effect", String(20), nullable=False),
    Column("algorithm", String(200), index=True),
    Column("package_sha256", HASH, index=True),
    Column("unknowns", Integer, nullable=False),
    Column("overridden", Boolean, nullable=False),
    Column("supersedes", ForeignKey("decision_records.id"), unique=True),  # a decision is superseded once
    Column("retain_until", Date, index=True),
    UniqueConstraint("case", "position", name="decision_records_chain"),
)

subjects = Table(
    "decision_subjects",
    metadata,
    Column("ref", String(60), primary_key=True),
    Column("record", ForeignKey("decision_records.id"), primary_key=True),
    Column("role", String(60), primary_key=True),
)

inputs = Table(
    "decision_inputs",
    metadata,
    Column("record", ForeignKey("decision_records.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", String(300), nullable=False),
    Column("register", String(200)),
    Column("message_id", String(255)),
    Column("sha256", HASH, nullable=False),
    Column("valid_at", Date),
    Index("decision_inputs_message", "message_id"),
    Index("decision_inputs_fact", "register", "name"),
    Index("decision_inputs_hash", "sha256"),
)

body_keys = Table(
    "decision_keys",
    metadata,
    Column("one", Integer, primary_key=True),  # 1: there is one row
    Column("fingerprint", HASH, nullable=False),  # of the body's secret
    Column("since", UtcDateTime, nullable=False),
)

values = Table(
    "decision_values",
    metadata,
    Column("ref", ID, primary_key=True),
    Column("record", ForeignKey("decision_records.id"), nullable=False, index=True),
    Column("place", String(300), nullable=False),  # where in the record
    Column("nonce", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),  # AES-256-GCM
)

value_keys = Table(
    "decision_value_keys",
    metadata,
    Column("ref", ForeignKey("decision_values.ref"), primary_key=True),
    Column("content", LargeBinary, nullable=False),  # key and salt, wrapped
)

shreds = Table(
    "decision_shreds",
    metadata,
    Column("ref", ForeignKey("decision_values.ref"), primary_key=True),
    Column("shredded_at", UtcDateTime, nullable=False),
    Column("ground", String(300), nullable=False),
)

entries = Table(
    "decision_entries",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("kind", String(20), nullable=False),  # decision, delivery, shred
    Column("record", ForeignKey("decision_records.id"), nullable=False, index=True),
    Column("content", LargeBinary, nullable=False),  # canonical: the leaf's data
)

waiting = Table(
    "decision_waiting",
    metadata,
    Column("entry", ForeignKey("decision_entries.number"), primary_key=True),
)

leaves = Table(
    "decision_leaves",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=False),
    Column("entry", ForeignKey("decision_entries.number"), nullable=False, unique=True),
)

nodes = Table(
    "decision_nodes",
    metadata,
    Column("level", Integer, primary_key=True),
    Column("number", NUMBER, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)

checkpoints = Table(
    "decision_checkpoints",
    metadata,
    Column("size", NUMBER, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("sealer", HASH, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
)

timestamps = Table(
    "decision_timestamps",
    metadata,
    Column("size", ForeignKey("decision_checkpoints.size"), primary_key=True),
    Column("token", LargeBinary, nullable=False),
    Column("gen_time", UtcDateTime, nullable=False),
)

deliveries = Table(
    "decision_deliveries",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("record", ForeignKey("decision_records.id"), nullable=False, index=True),
    Column("channel", String(60), nullable=False),
    Column("language", String(10), nullable=False),
    Column("event", String(20), nullable=False),  # delivered, opened, failed
    Column("happened_at", UtcDateTime, nullable=False),
    Column(
        "ref", String(60)
    ),  # pseudonym of the addressee; none: nobody in particular, as in earlier versions
    Index("decision_deliveries_once", "record", "ref", "channel", "event", unique=True),
)

package_files = Table(
    "decision_package_files",
    metadata,
    Column("package", HASH, primary_key=True),
    Column("path", String(300), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

recomputes = Table(
    "decision_recomputes",
    metadata,
    Column("package", HASH, primary_key=True),  # the newer one
    Column("record", ForeignKey("decision_records.id"), primary_key=True),
    Column("found", String(20), nullable=False),  # same, differs, impossible
    Column("names", JSON, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

samples = Table(
    "decision_samples",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("seed", String(200), nullable=False),
    Column("published_at", UtcDateTime, nullable=False),
    Column("begins", UtcDateTime, nullable=False),
    Column("ends", UtcDateTime, nullable=False),
    Column("size", Integer, nullable=False),
)

replays = Table(
    "decision_replays",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("record", ForeignKey("decision_records.id"), nullable=False, index=True),
    Column("sample", ForeignKey("decision_samples.id"), index=True),
    Column("replayed_at", UtcDateTime, nullable=False),
    Column("result", String(20), nullable=False),  # match, mismatch, impossible
    Column("report", JSON, nullable=False),
    Column("once", String(200)),  # of what is kept once: the decision, whoever looked, the day, the result
    Index("decision_replays_once", "once", unique=True),
)

contests = Table(
    "decision_contests",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("record", ForeignKey("decision_records.id"), nullable=False, index=True),
    Column("line", String(60), nullable=False),  # fact, missing_fact, rule, circumstances, person
    Column("contested_at", UtcDateTime, nullable=False),
)

contest_outcomes = Table(
    "decision_contest_outcomes",
    metadata,
    Column("contest", ForeignKey("decision_contests.id"), primary_key=True),
    Column("overturned", Boolean, nullable=False),
    Column("decided_at", UtcDateTime, nullable=False),
)

releases = Table(
    "decision_releases",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("record", ForeignKey("decision_records.id"), nullable=False, index=True),
    Column("classes", JSON, nullable=False),  # of sealed values
    Column("asked_by", String(300), nullable=False),  # with the country; an auditor
    Column("mandate", String(100), nullable=False),
    Column("reason", String(1000), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
)

release_answers = Table(
    "decision_release_answers",
    metadata,
    Column("release", ForeignKey("decision_releases.id"), primary_key=True),
    Column("granted", Boolean, nullable=False),
    Column("answered_by", String(300), nullable=False),  # another auditor
    Column("mandate", String(100), nullable=False),
    Column("answered_at", UtcDateTime, nullable=False),
)

findings = Table(
    "decision_findings",
    metadata,
    Column("id", String(100), primary_key=True),  # of the case
    Column("record", ForeignKey("decision_records.id"), nullable=False, index=True),
    Column("about", String(20), nullable=False),  # decision, package, input
    Column("input", String(300)),
    Column("found_at", UtcDateTime, nullable=False),
    Column("found_by", String(60)),  # pseudonym of the auditor; none: of an earlier version
)

finding_answers = Table(
    "decision_finding_answers",
    metadata,
    Column("finding", ForeignKey("decision_findings.id"), primary_key=True),
    Column(
        "answer", Integer, primary_key=True
    ),  # of those that uphold it, 1 or, after the auditor insisted, 2
    Column("number", String(60), nullable=False, index=True),  # of the case, for people
    Column("official", String(60), nullable=False),  # pseudonym
    Column("answered_at", UtcDateTime, nullable=False),
)

finding_ends = Table(
    "decision_finding_ends",
    metadata,
    Column("finding", ForeignKey("decision_findings.id"), primary_key=True),
    Column("upheld", Boolean, nullable=False),
    Column("ended_at", UtcDateTime, nullable=False),
)

ripples = Table(
    "decision_ripples",
    metadata,
    Column("id", ID, primary_key=True),
    Column("cause", String(300), nullable=False),  # id of the event, or of the message, that corrected a fact
    Column("record", ForeignKey("decision_records.id"), nullable=False, index=True),  # rests on it
    Column("concept", String(200), nullable=False),
    Column("source", String(200), nullable=False),  # the register that corrected it
    Column("fact", String(40)),  # the fact's origin there
    Column("opened_at", UtcDateTime, nullable=False, index=True),
    UniqueConstraint("cause", "record", name="decision_ripples_once"),
    Index("decision_ripples_reached", "concept", "fact"),
)

ripple_steps = Table(
    "decision_ripple_steps",
    metadata,
    Column("ripple", ForeignKey("decision_ripples.id"), primary_key=True),
    Column("state", String(20), primary_key=True),  # redecided, unchanged, listed, ended
    Column("reason", String(100)),
    Column("newer", ForeignKey("decision_records.id")),  # that took the decision's place
    Column("official", String(60)),  # pseudonym
    Column("due", Date),
    Column("at", UtcDateTime, nullable=False),
)

APPEND_ONLY = tuple(table.name for table in metadata.sorted_tables if table not in (waiting, value_keys))
