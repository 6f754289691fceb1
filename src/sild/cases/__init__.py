"""Cases: what a state does for a person, from the first word to the result, and nothing twice.

    class Birth(Process): ...                        # a process: rules, jobs (process.py says how; ask_why.py is the shortest)
    system = CaseSystem.open(directory, url, system=..., exchange=XRoadExchange(client), packs=load_packs("EE"), processes=[...],
                             registers={"population": "GOV/70000002/population", ...}); await system.start()
    await system.act(case, "DECLARE", actor, given, key=form_key)

Actions are append-only and a case's status is a fold over them. What takes time is a durable job (room `workflow`). Other bodies
are asked over the exchange alone, each message with case, ground and person acting. Called by the portal and the nation.

process.py  what a process is          acting.py   one action, check by check      showing.py   what people see
system.py   the door's class           working.py  jobs                            store.py     all of a case in the database
heard.py    events of registers        beginning.py  cases begun from a look, a dialogue, a decision
calls.py, exchange.py, ledger.py       other bodies, and what was asked of them    tracker.py, publication.py, offline.py, living.py
assisted.py, helping.py      a clerk acts for a person            files.py, media.py    files of people
signing.py   what people sign: statement.py (the text), pen.py (the service), signatures.py (kept)
"""

from __future__ import annotations

from sild.cases.abroad import EvidenceSource
from sild.cases.actor import AUTOMATIC, STATE, Actor, Voucher
from sild.cases.algorithm_matter import ALGORITHM_OFFICE, AlgorithmMatter, MatterOfAlgorithms
from sild.cases.ask_why import AskWhy
from sild.cases.assistance import ASSISTANCE_OFFICE, Assistance
from sild.cases.assisted import DOCUMENTS, WAYS, Identified
from sild.cases.assisted_mandate import Assisted
from sild.cases.birth_papers import BirthPaper, HandedIn, ReservedBlock
from sild.cases.calls import own_look
from sild.cases.case import Case, Party, Taken
from sild.cases.codes import is_company, register_code
from sild.cases.contest import Contest
from sild.cases.decision_words import DecisionLine, worded, written
from sild.cases.exchange import Exchange, XRoadExchange
from sild.cases.finding import Finding, PublicFinding
from sild.cases.ledger import SentMessage, Sighting
from sild.cases.living import ChannelFigures, LiveProof
from sild.cases.official_figures import OfficialFigures, OwnFigures
from sild.cases.offline import Merged, NumberBlock, OfflineRecord
from sild.cases.offline_conflict import OfflineConflict
from sild.cases.packs import Packs, load_packs
from sild.cases.parts import MandateCheck
from sild.cases.plan_models import HeldModel, load_models, shipped_models
from sild.cases.practice import Practice
from sild.cases.process import (
    OPENED,
    Asking,
    Effects,
    ExchangeAnswer,
    Given,
    Job,
    JobFunction,
    NewNotice,
    Opening,
    Process,
    Rule,
    Waiting,
    Work,
)
from sild.cases.refusals import Refused
from sild.cases.register_matter import RegisterMatter
from sild.cases.signatures import Pending
from sild.cases.statement import Statement
from sild.cases.system import CASE_DATABASE, CaseSystem
from sild.cases.tracker import BodyUsage, TrackerEntry, TrackerUsage
from sild.cases.views import (
    Acted,
    AssistedView,
    CaseFile,
    CaseLine,
    CaseView,
    ClockView,
    DeskItem,
    DraftLine,
    Entry,
    Explained,
    ExplainedPart,
    FactLine,
    FailedBody,
    Filled,
    GatheredEvidence,
    Home,
    Notice,
    ScreenChange,
    Seen,
    SignedFile,
    Task,
)
from sild.cases.witnesses import LogWitness

__all__ = [
    "ALGORITHM_OFFICE",
    "ASSISTANCE_OFFICE",
    "AUTOMATIC",
    "CASE_DATABASE",
    "DOCUMENTS",
    "OPENED",
    "STATE",
    "WAYS",
    "Acted",
    "Actor",
    "AlgorithmMatter",
    "AskWhy",
    "Asking",
    "Assistance",
    "Assisted",
    "AssistedView",
    "BirthPaper",
    "BodyUsage",
    "Case",
    "CaseFile",
    "CaseLine",
    "CaseSystem",
    "CaseView",
    "ChannelFigures",
    "ClockView",
    "Contest",
    "DecisionLine",
    "DeskItem",
    "DraftLine",
    "Effects",
    "Entry",
    "EvidenceSource",
    "Exchange",
    "ExchangeAnswer",
    "Explained",
    "ExplainedPart",
    "FactLine",
    "FailedBody",
    "Filled",
    "Finding",
    "GatheredEvidence",
    "Given",
    "HandedIn",
    "HeldModel",
    "Home",
    "Identified",
    "Job",
    "JobFunction",
    "LiveProof",
    "LogWitness",
    "MandateCheck",
    "MatterOfAlgorithms",
    "Merged",
    "NewNotice",
    "Notice",
    "NumberBlock",
    "OfficialFigures",
    "OfflineConflict",
    "OfflineRecord",
    "Opening",
    "OwnFigures",
    "Packs",
    "Party",
    "Pending",
    "Practice",
    "Process",
    "PublicFinding",
    "Refused",
    "RegisterMatter",
    "ReservedBlock",
    "Rule",
    "ScreenChange",
    "Seen",
    "SentMessage",
    "Sighting",
    "SignedFile",
    "Statement",
    "Taken",
    "Task",
    "TrackerEntry",
    "TrackerUsage",
    "Voucher",
    "Waiting",
    "Work",
    "XRoadExchange",
    "is_company",
    "load_models",
    "load_packs",
    "own_look",
    "register_code",
    "shipped_models",
    "worded",
    "written",
]
