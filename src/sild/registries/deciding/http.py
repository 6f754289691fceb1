"""Paths of every register that decides: a person's decisions, one with its reasons, its evidence, its replay, and contests of it.

What is sealed in a record is opened for those it is about, and for the case in which they contest it. Others see the record as it
is: what was decided by which rules and when, with nothing personal in it. Imported late: FastAPI takes its time.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime, time
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Query
from pydantic import AwareDatetime, Field, model_validator

from sild.decisions import (
    PORTAL,
    DecisionRecord,
    Delivered,
    Stored,
    bundle_of,
    deliveries_of,
    exported,
    figures_of,
    keep_replay,
    official_contests,
    open_values,
)
from sild.errors import CallerError
from sild.registries.deciding.anew import left_of
from sild.registries.deciding.anew_http import ANEW_ACTIONS, ANEW_TITLES, add_anew_paths
from sild.registries.deciding.answers import ContestAnswer, answer_of, official_of_contest
from sild.registries.deciding.deciding import Deciding
from sild.registries.deciding.finding_http import FINDING_ACTIONS, FINDING_TITLES, add_finding_paths
from sild.registries.deciding.looks import Look
from sild.registries.deciding.owed import time_to_contest
from sild.registries.deciding.ripple import take_up
from sild.registries.deciding.ripple_http import (
    RIPPLE_ACTIONS,
    RIPPLE_TITLES,
    Changed,
    add_ripple_paths,
    changed,
)
from sild.registries.deciding.specimen_http import SPECIMEN_TITLES, add_specimen_paths
from sild.registries.deciding.supervision_http import (
    SUPERVISION_ACTIONS,
    SUPERVISION_TITLES,
    add_supervision_paths,
    running_now,
)
from sild.registries.kernel import Use
from sild.registries.kernel.asking import AtDesk, SaidByPerson
from sild.registries.kernel.http import AnyUsage, Model, PersonalUsage

__all__ = ["DECISION_ACTIONS", "DECISION_TITLES", "OfficialLook", "add_decision_paths"]

DECISION_TITLES: dict[str, tuple[int, str]] = {
    **SUPERVISION_TITLES,
    **RIPPLE_TITLES,
    **FINDING_TITLES,
    **ANEW_TITLES,
    **SPECIMEN_TITLES,
    "unknown_decision": (404, "Unknown decision"),
    "unknown_contest": (404, "Unknown contest"),
    "contested_already": (409, "The decision is being contested"),
    "not_about_you": (403, "The decision is about somebody else"),
    "too_late": (409, "The day until which it can be contested has passed"),
    "not_your_contest": (
        403,
        "The contest is answered in its own case, by somebody else than those it is about",
    ),
}
DECISION_ACTIONS = {
    **SUPERVISION_ACTIONS,
    **RIPPLE_ACTIONS,
    **FINDING_ACTIONS,
    **ANEW_ACTIONS,
    "getDecisions": "Decisions about the person were listed",
    "getDecision": "A decision about the person was read",
    "getDecisionBundle": "The evidence of a decision was taken out",
    "replayDecision": "A decision was replayed",
    "tellDelivery": "A decision reached the person",
    "contestDecision": "A decision was contested",
    "endContest": "A contest was answered",
}

Code = Annotated[str, Path(max_length=20, description="Identity code")]
Shown = Annotated[str | None, Query(pattern=r"^[a-z]{2,3}$", description="Language in which it is shown")]
DecisionId = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$")]


class OfficialLook(Model):
    """What the official who acts had before them. Without it: what this register tells of the birth."""

    view_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    posture: Annotated[str, Field(max_length=50)] | None = Field(default=None, description="Of the device")
    seconds: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    words: Annotated[str, Field(max_length=2_000)] = ""

    def look(self) -> Look:
        return Look(**self.model_dump())


EffectNow = Literal["in_force", "suspended", "overturned", "superseded"]


class DecisionLine(Model):
    """contest_until: for the person asked about; null: nothing can be done against it, or the time has not begun: it has not reached them."""

    id: str
    case: str
    step: str
    effect: str
    kind: str
    automation: int
    algorithm: str | None
    procedure: str
    authority: str
    decided_at: datetime
    supersedes: str | None
    superseded_by: str | None
    contest_until: date | None
    effect_now: EffectNow


class DecisionLines(Model):
    items: list[DecisionLine]


class DeliveryLine(Model):
    """By one channel: `portal`, `push`, `paper`, `counter`, `post`. mine: to the one who asks; others are not told apart.

    language: `mul`: in each of the country's.
    """

    channel: str
    language: str
    mine: bool
    delivered_at: datetime | None = None
    opened_at: datetime | None = None
    failed_at: datetime | None = None


class OpenedDecision(Model):
    """record: fields 1 to 12; `values`: of what is sealed in it, by reference, for those who may see it (`opened`).

    took_part: whether the one acting was among those who decided; then another answers a contest of it.
    left: why the rules did not decide anew what a contest overturned, when they were asked to.
    effect_now: whether it has effect: `suspended` while it is contested where the law says so.
    reached, contest_until: for the one who asks: when the time to contest began to run, and its last day; null: not yet.
    """

    record: dict[str, Any]
    values: dict[str, Any]
    opened: bool
    took_part: bool
    superseded_by: str | None
    left: str | None = None
    effect_now: EffectNow = "in_force"
    reached: date | None = None
    contest_until: date | None = None
    deliveries: list[DeliveryLine] = Field(default=[])
    changed: list[Changed] = Field(
        default=[], description="What is another way than in the decision it took the place of; when opened"
    )


class NewDelivery(Model):
    """to: identity code of whom it reached, or was to reach.  at: null: now; no later than now, and no time before the decision: by the register's own clock."""

    to: Annotated[str, Field(min_length=1, max_length=20)]
    channel: Literal["portal", "push", "paper", "counter", "post"]
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] = "mul"
    event: Literal["delivered", "opened", "failed"] = "delivered"
    at: AwareDatetime | None = None


class DeliveryTold(Model):
    """known: whether it was known before."""

    decision: str
    known: bool


class NewContest(Model):
    """contest: id of the case.  line: which kind of line is wrong; what is said of it stays in the case."""

    contest: Annotated[str, Field(min_length=1, max_length=100)]
    line: Literal["fact", "missing_fact", "rule", "circumstances", "person"]


class ContestEnd(Model):
    """answer: what the official saw, concluded and wrote; with it the answer is sealed as a decision of its own. Nothing is overturned without."""

    overturned: bool
    answer: ContestAnswer | None = None

    @model_validator(mode="after")
    def _answered(self) -> ContestEnd:
        if self.overturned and self.answer is None:
            raise ValueError("what is overturned is overturned with an answer")
        return self


class ContestState(Model):
    """answer: id of the decision that the answer is."""

    decision: str
    contest: str
    answer: str | None = None


class ContestCounts(Model):
    answered: int
    overturned: int


class OwnContests(Model):
    """others: null: they are too few to be told of without naming one."""

    own: ContestCounts
    others: ContestCounts | None


def add_decision_paths(app: FastAPI, deciding: Deciding) -> None:
    """titles and actions of these paths: `DECISION_TITLES`, `DECISION_ACTIONS`."""
    _add_reading(app, deciding)
    _add_deliveries(app, deciding)
    _add_contests(app, deciding)
    add_supervision_paths(app, deciding)
    add_ripple_paths(app, deciding)
    add_finding_paths(app, deciding)
    add_anew_paths(app, deciding)
    add_specimen_paths(app, deciding)

    @app.get("/algorithms/{algorithm}/figures", operation_id="getAlgorithmFigures")
    def get_figures(algorithm: Annotated[str, Path(max_length=100)], usage: AnyUsage) -> dict[str, Any]:
        """Counts of decisions to date; nobody's data."""
        with deciding.kernel.used("getAlgorithmFigures", usage) as use:
            return figures_of(use.connection, algorithm).to_json()

    @app.get("/officials/contests", operation_id="getOwnContests")
    def get_own_contests(
        usage: PersonalUsage, since: Annotated[date, Query(description="Answered from this day on")]
    ) -> OwnContests:
        """What became of contested decisions of the official who asks, and of the others' together; of nobody by name."""
        with deciding.kernel.used("getOwnContests", usage) as use:
            if usage.actor is None:
                raise CallerError("an official asks for their own", code="officials_only")
            begin = datetime.combine(since, time(0), tzinfo=deciding.kernel.zone)
            found = official_contests(use.connection, deciding.store.pseudonym(usage.actor), begin)
            return OwnContests(**asdict(found))

    @app.get("/algorithms/{algorithm}/running", operation_id="getAlgorithmRunning")
    def get_running(algorithm: Annotated[str, Path(max_length=100)], usage: AnyUsage) -> dict[str, Any]:
        """Rules and models by hash, and how far a computer decided: what the public entry is held against; nobody's data."""
        with deciding.kernel.used("getAlgorithmRunning", usage) as use:
            return running_now(deciding, use.connection, algorithm)


def _add_reading(app: FastAPI, deciding: Deciding) -> None:
    store = deciding.store

    @app.get("/persons/{code}/decisions", operation_id="getDecisions")
    def get_decisions(code: Code, usage: PersonalUsage) -> DecisionLines:
        """The latest first."""
        with deciding.kernel.used("getDecisions", usage) as use:
            use.concerns(code)
            found = store.of_subject(use.connection, store.pseudonym(code))
            return DecisionLines(items=[_line(deciding, use, one.record, code) for one in found])

    @app.get("/decisions/{decision}", operation_id="getDecision")
    def get_decision(decision: DecisionId, usage: PersonalUsage, shown: Shown = None) -> OpenedDecision:
        """shown: the language in which the one who acts is reading it now: for one whom it is about it is opened by that, once."""
        with deciding.kernel.used("getDecision", usage) as use:
            found = store.find(use.connection, decision)
            opened = _may_open(deciding, use, found)
            mine = _own_ref(deciding, use, found.record)
            if shown is not None and mine is not None:
                store.delivered(
                    decision,
                    channel=PORTAL,
                    language=shown,
                    event="opened",
                    to=mine,
                    connection=use.connection,
                )
            told = deliveries_of(use.connection, decision)
            time = time_to_contest(use, found.record, told, mine)
            return OpenedDecision(
                record=exported(use.connection, found),
                values={ref: one.value for ref, one in open_values(store, use.connection, decision).items()}
                if opened
                else {},
                opened=opened,
                took_part=_acting(deciding, use) in {step.official for step in found.record.human},
                superseded_by=store.superseded_by(use.connection, decision),
                left=left_of(use, decision),
                effect_now=_effect_now(deciding, use, found.record),
                reached=time.reached,
                contest_until=time.until,
                deliveries=[_delivery(one, mine) for one in told] if opened else [],
                changed=changed(deciding, use, found.record) if opened else [],
            )

    @app.get("/decisions/{decision}/bundle", operation_id="getDecisionBundle")
    def get_bundle(decision: DecisionId, usage: PersonalUsage) -> dict[str, Any]:
        """What the stand-alone verifier reads."""
        with deciding.kernel.used("getDecisionBundle", usage) as use:
            found = store.find(use.connection, decision)
            opened = None if _may_open(deciding, use, found) else ()
            return bundle_of(store, use.connection, decision, open_refs=opened)

    @app.get("/decisions/{decision}/replay", operation_id="replayDecision")
    def replay_decision(decision: DecisionId, usage: PersonalUsage) -> dict[str, Any]:
        """By the same rules from the same facts, now. What differs is named without its values."""
        with deciding.kernel.used("replayDecision", usage) as use:
            store.find(use.connection, decision)
        report = deciding.replay(decision)
        by = usage.user_id or usage.client
        keep_replay(store, report, by=store.pseudonym(by), day=deciding.kernel.today)
        said = report.to_json()
        if report.difference is not None:
            said["difference"] = {"node": report.difference["node"]}
        return said


def _add_deliveries(app: FastAPI, deciding: Deciding) -> None:
    store = deciding.store

    @app.post("/decisions/{decision}/deliveries", operation_id="tellDelivery")
    def tell(decision: DecisionId, new: NewDelivery, usage: PersonalUsage) -> DeliveryTold:
        """By who keeps the person's inbox, or sent it on paper. Each channel and event once; told again, the first time stays."""
        with deciding.kernel.used("tellDelivery", usage) as use:
            said = use.answered()
            if said is None:
                use.concerns(new.to)
                decided_at = store.find(use.connection, decision).record.decided_at
                news = store.delivered(
                    decision,
                    channel=new.channel,
                    language=new.language,
                    event=new.event,
                    at=max(min(new.at or use.at, use.at), decided_at),
                    to=store.pseudonym(new.to),
                    connection=use.connection,
                )
                said = {"known": not news}
                use.answer(said)
            return DeliveryTold(decision=decision, known=bool(said["known"]))


def _add_contests(app: FastAPI, deciding: Deciding) -> None:
    store = deciding.store

    @app.post("/decisions/{decision}/contests", operation_id="contestDecision", status_code=201)
    def contest(decision: DecisionId, new: NewContest, usage: SaidByPerson) -> ContestState:
        """By one of those it is about, until the day the record says."""
        with deciding.kernel.used("contestDecision", usage) as use:
            if use.answered() is None:
                found = store.find(use.connection, decision)
                if not _is_about(deciding, use, found.record, usage.principal):
                    raise CallerError("the decision is about somebody else", code="not_about_you")
                told = deliveries_of(use.connection, decision)
                until = time_to_contest(use, found.record, told, _own_ref(deciding, use, found.record)).until
                if until is not None and use.today > until:
                    raise CallerError(f"it could be contested until {until}", code="too_late")
                store.contested(use.connection, new.contest, decision, line=new.line)
                deciding.standing_changed(use, decision, store.standing(use.connection, decision))
                use.answer({})
            return ContestState(decision=decision, contest=new.contest)

    @app.post("/decisions/{decision}/contests/{contest_id}/end", operation_id="endContest")
    def end_contest(
        decision: DecisionId,
        contest_id: Annotated[str, Path(max_length=100)],
        end: ContestEnd,
        usage: PersonalUsage,
        desk: AtDesk,
    ) -> ContestState:
        """From the case of the contest (`X-Road-Issue`), by an official whom the decision is not about, and who had no part in it."""
        with deciding.kernel.used("endContest", usage) as use:
            desk.ensure()
            said = use.answered()
            if said is None:
                found = store.find(use.connection, decision)
                use.concerns(*_refs(found.record))
                official_of_contest(deciding, use, found.record, contest_id)
                store.contest_decided(use.connection, contest_id, overturned=end.overturned)
                deciding.standing_changed(use, decision, store.standing(use.connection, decision))
                if not end.overturned:
                    take_up(deciding, use, decision, f"contest/{contest_id}")
                sealed = None
                if end.answer is not None:
                    draft = answer_of(deciding, use, found, contest_id, end.answer, overturned=end.overturned)
                    sealed = str(store.decide(use.connection, draft).id)
                said = {"answer": sealed}
                use.answer(said)
            return ContestState(decision=decision, contest=contest_id, answer=said.get("answer"))


def _may_open(deciding: Deciding, use: Use, found: Stored) -> bool:
    """Those it is about, and whoever works in the case that contests it: whom it is about see that they looked. No machine does. Not one from whom the register keeps it."""
    if deciding.is_kept_from(use, found.record):
        return False
    if _is_subject(deciding, use, found.record):
        return True
    issue = use.usage.issue
    if use.usage.actor is None or issue is None:
        return False
    if not deciding.store.is_contested(use.connection, found.record.id, by=issue):
        return False
    use.concerns(*_refs(found.record))
    return True


def _refs(record: DecisionRecord) -> list[str]:
    """Pseudonyms of whom it is about."""
    return list(dict.fromkeys(one.ref for one in record.subjects))


def _is_subject(deciding: Deciding, use: Use, record: DecisionRecord) -> bool:
    """Who acts, or in whose name they do: a company's member of the board, for the company."""
    whose = (use.usage.actor, use.usage.principal)
    return any(_is_about(deciding, use, record, code) for code in dict.fromkeys(whose))


def _is_about(deciding: Deciding, use: Use, record: DecisionRecord, code: str | None) -> bool:
    if code is None or deciding.store.pseudonym(code) not in {subject.ref for subject in record.subjects}:
        return False
    use.concerns(code)
    return True


def _own_ref(deciding: Deciding, use: Use, record: DecisionRecord) -> str | None:
    """Pseudonym of the one it is about who asks, or in whose name somebody asks; None: it is not about them."""
    known = (deciding.store.pseudonym(code) for code in (use.usage.actor, use.usage.principal) if code)
    about = {subject.ref for subject in record.subjects}
    return next((ref for ref in known if ref in about), None)


def _effect_now(deciding: Deciding, use: Use, record: DecisionRecord) -> EffectNow:
    standing = deciding.store.standing(use.connection, record.id)
    if standing == "contested":
        return "suspended" if record.remedy is not None and record.remedy.suspends else "in_force"
    return "in_force" if standing == "stands" else standing


def _delivery(one: Delivered, mine: str | None) -> DeliveryLine:
    return DeliveryLine(
        channel=one.channel,
        language=one.language,
        mine=mine is not None and one.to == mine,
        delivered_at=one.delivered_at,
        opened_at=one.opened_at,
        failed_at=one.failed_at,
    )


def _acting(deciding: Deciding, use: Use) -> str | None:
    """Pseudonym of the person acting; None: a machine asks."""
    return None if use.usage.actor is None else deciding.store.pseudonym(use.usage.actor)


def _line(deciding: Deciding, use: Use, record: DecisionRecord, code: str) -> DecisionLine:
    told = deliveries_of(use.connection, record.id)
    return DecisionLine(
        id=str(record.id),
        case=record.case,
        step=record.step,
        effect=record.effect,
        kind=record.kind,
        automation=record.automation,
        algorithm=record.algorithm.id if record.algorithm else None,
        procedure=record.procedure,
        authority=record.authority,
        decided_at=record.decided_at,
        supersedes=str(record.supersedes) if record.supersedes else None,
        superseded_by=deciding.store.superseded_by(use.connection, record.id),
        contest_until=time_to_contest(use, record, told, deciding.store.pseudonym(code)).until,
        effect_now=_effect_now(deciding, use, record),
    )
