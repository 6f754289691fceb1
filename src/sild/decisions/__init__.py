"""Decisions that anyone can check: their records, sealed and logged, replayed, and told to people.

store.decide(connection, draft)      # in the transaction of the effect: record, seal, chain of the case
await checkpointer.run()             # Merkle tree over all of them, its head signed and time-stamped, in batches
store.bundle(connection, decision)   # what examples/verify_decision.py checks with the standard library alone

record.py       a decision, fields 1 to 11           fields.py     what they are made of
sealing.py      the body's seal, a case's chain      drafting.py   from draft to fields, secrets sealed
values.py       sealed values                        shredding.py  how they are opened and destroyed
store.py        all of it in the owner's database    merkle.py     the tree and its proofs
deliveries.py   when it reached whom                 entries.py    what waits to be a leaf
checkpoints.py  its signed, time-stamped heads       bundle.py     what is given away, field 12 in it
from_rules.py   a record of a rule's evaluation      replay.py     a decision made again out of its bundle
message_logs.py where its messages lie, in both logs
samples.py, nightly.py  every night's random sample    verifying.py  examples/verify_decision.py, as a function
algorithms.py   entries of the algorithm register    figures.py, official_contests.py    counted from the decisions
algorithm_exports.py  the Dutch and British forms    audit.py      all of it computed again
ripples.py      what a corrected fact or a finding reaches    upheld.py    findings that the body upholds
recompute.py    what a new version of the rules would give otherwise
owed.py         what is owed by law to whom a record is about
oversight.py    releases and findings of auditors    patterns.py   others like this; how it really runs

RFC 8785 (canonical JSON), RFC 9562 (UUIDv7), RFC 6962 (Merkle tree), C2SP tlog-checkpoint and signed-note, RFC 3161. Its tables
live in the database of the register or case system that decides. Called by registers, cases and processes.
"""

from __future__ import annotations

from pathlib import Path

from sild.decisions.algorithm_exports import atrs_json, minbzk_json
from sild.decisions.algorithms import AlgorithmEntry, load_algorithms, parse_algorithm, shipped_algorithms
from sild.decisions.audit import audit_log
from sild.decisions.bundle import bundle_of, exported, render_bundle
from sild.decisions.canonical import canonical_json, sha256_of
from sild.decisions.checkpoints import Checkpointer, Stamp, TimeStampClient
from sild.decisions.deliveries import Delivered, DeliveryEvent, deliveries_of, reached_at
from sild.decisions.fields import (
    Algorithm,
    AlsoRepresented,
    Competence,
    Consideration,
    Costs,
    Counterfactual,
    Delivery,
    FurtherMessage,
    Hearing,
    HumanStep,
    Input,
    LegalBasis,
    ModelCall,
    Outcome,
    OutcomeItem,
    Parameter,
    ProvedWord,
    Reason,
    Remedy,
    Representation,
    Retention,
    Rounding,
    RuleRef,
    Sealed,
    Secret,
    Subject,
    Unknown,
    Within,
)
from sild.decisions.figures import Figures, figures_of
from sild.decisions.from_rules import counterfactuals_of, fields_of, outcome_items, situation_of
from sild.decisions.message_logs import AskLog, InLog, MessageLogs
from sild.decisions.nightly import NightlyReplay
from sild.decisions.official_contests import (
    FEWEST_OTHERS,
    Contested,
    OfficialContests,
    official_contests,
)
from sild.decisions.oversight import (
    RELEASED_FOR,
    About,
    Release,
    affected_by,
    answer_release,
    ask_release,
    end_finding,
    keep_finding,
    released_classes,
    releases_of,
)
from sild.decisions.owed import (
    PORTAL,
    Office,
    hearing_of,
    office_by_law,
    planned_delivery,
    remedy_of,
    retention_of,
)
from sild.decisions.patterns import cohorts_of, running_of
from sild.decisions.recompute import Recomputed, Recomputing, recompute
from sild.decisions.record import DecisionRecord, Draft
from sild.decisions.replay import FindMessage, ReplayReport, RunsRules, Step, replay
from sild.decisions.ripples import (
    CONTEST,
    FINDING,
    RULES,
    Became,
    Ripple,
    RippleState,
    became_of_findings,
    end_ripple,
    find_ripple,
    has_open_contest,
    list_ripples,
    open_ripple,
)
from sild.decisions.same_keys import ensure_same_keys
from sild.decisions.samples import (
    MatchRate,
    Sample,
    draw,
    find_sample,
    keep_replay,
    match_rate,
    publish_sample,
    published_samples,
    run_sample,
)
from sild.decisions.sealing import KeySealer, Sealer
from sild.decisions.shredding import expired_values, open_values, shred
from sild.decisions.store import DecisionStanding, DecisionStore, Stored
from sild.decisions.upheld import UpheldFinding, find_finding, reached_by, uphold_finding
from sild.decisions.values import BodyKeys
from sild.decisions.verifying import Finding, verifier_file, verify_bundle

__all__ = [
    "CONTEST",
    "DECISION_MIGRATIONS",
    "FEWEST_OTHERS",
    "FINDING",
    "PORTAL",
    "RELEASED_FOR",
    "RULES",
    "About",
    "Algorithm",
    "AlgorithmEntry",
    "AlsoRepresented",
    "AskLog",
    "Became",
    "BodyKeys",
    "Checkpointer",
    "Competence",
    "Consideration",
    "Contested",
    "Costs",
    "Counterfactual",
    "DecisionRecord",
    "DecisionStanding",
    "DecisionStore",
    "Delivered",
    "Delivery",
    "DeliveryEvent",
    "Draft",
    "Figures",
    "FindMessage",
    "Finding",
    "FurtherMessage",
    "Hearing",
    "HumanStep",
    "InLog",
    "Input",
    "KeySealer",
    "LegalBasis",
    "MatchRate",
    "MessageLogs",
    "ModelCall",
    "NightlyReplay",
    "Office",
    "OfficialContests",
    "Outcome",
    "OutcomeItem",
    "Parameter",
    "ProvedWord",
    "Reason",
    "Recomputed",
    "Recomputing",
    "Release",
    "Remedy",
    "ReplayReport",
    "Representation",
    "Retention",
    "Ripple",
    "RippleState",
    "Rounding",
    "RuleRef",
    "RunsRules",
    "Sample",
    "Sealed",
    "Sealer",
    "Secret",
    "Stamp",
    "Step",
    "Stored",
    "Subject",
    "TimeStampClient",
    "Unknown",
    "UpheldFinding",
    "Within",
    "affected_by",
    "answer_release",
    "ask_release",
    "atrs_json",
    "audit_log",
    "became_of_findings",
    "bundle_of",
    "canonical_json",
    "cohorts_of",
    "counterfactuals_of",
    "deliveries_of",
    "draw",
    "end_finding",
    "end_ripple",
    "ensure_same_keys",
    "expired_values",
    "exported",
    "fields_of",
    "figures_of",
    "find_finding",
    "find_ripple",
    "find_sample",
    "has_open_contest",
    "hearing_of",
    "keep_finding",
    "keep_replay",
    "list_ripples",
    "load_algorithms",
    "match_rate",
    "minbzk_json",
    "office_by_law",
    "official_contests",
    "open_ripple",
    "open_values",
    "outcome_items",
    "parse_algorithm",
    "planned_delivery",
    "publish_sample",
    "published_samples",
    "reached_at",
    "reached_by",
    "recompute",
    "released_classes",
    "releases_of",
    "remedy_of",
    "render_bundle",
    "replay",
    "retention_of",
    "run_sample",
    "running_of",
    "sha256_of",
    "shipped_algorithms",
    "shred",
    "situation_of",
    "uphold_finding",
    "verifier_file",
    "verify_bundle",
]

DECISION_MIGRATIONS = Path(__file__).parent / "migrations"
"""Of the tables of decisions; the owner opens its database with these and its own."""
