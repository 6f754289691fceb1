"""A process: what may be done in the cases of one service, by whom, when, and what follows. One module for each.

    class Birth(Process):
        service = "birth"
        rules = (Rule("DECLARE", by=("parent",), when=("OPENED",), to="DECLARED", screen="birth.check_and_name"), ...)

        def after(self, case, taken):                       # pure, in the transaction of the action
            if taken.name == "REGISTER_ALL": return Effects(jobs=(Job("register"),), notices=(...))

        def jobs(self): return {"register": self.register}

        async def register(self, work: Work):               # durable: killed anywhere, it goes on, and has one effect
            answer = await work.call("registration", POPULATION, "POST", f"/births/{child}/registration", {...}, basis=...)
            await work.act("registered", "REGISTER", {"registered_at": answer.json["registered_at"]})

An *action* is accepted or refused at once, in one transaction. What takes time or other bodies is a *job*: a durable workflow
that the action's transaction asks for. A job's steps have names, unique in it; a step's message id is made from (case, job, step),
so a register that hears it twice sees the same message. Jobs wait for no person and for no date: a later job is a job with `at`.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Protocol

from sild.cases.actor import Acr, Actor, Reader
from sild.cases.case import Case, Party, Taken
from sild.cases.views import Explained, FactLine, FailedBody, Options
from sild.catalogue import Defect, Profile, Screen
from sild.decisions import DecisionStore, Draft

__all__ = [
    "OPENED",
    "PARTY",
    "Asking",
    "Effects",
    "ExchangeAnswer",
    "Given",
    "Job",
    "JobFunction",
    "NewNotice",
    "Opening",
    "Part",
    "Process",
    "Rule",
    "Statement",
    "Waiting",
    "Work",
]

OPENED = "OPENED"
"""The status every case begins with; its first action is `OPEN`."""
PARTY = "party"
"""Whoever is one, in whichever role: of rules that are part of every case."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One action. name: imperative.  by: roles that may do it: of a party, or `official`, `supervisor`, `clerk`, `state`.

    when: statuses in which it may be done; empty: any but the closed ones.  to: the status after; None: as it was.
    screen: whose fields are read.  acr: least level of log-in; an official always needs `high`.
    once: one effect in the case (`case`), for each person (`person`), or as often as they like (None).
    decides: conflict of interest is checked before.  stops: clocks stand with this reason as long as the case has the status this makes.
    reopens: it may be done in a closed case, which lives on by it.
    in_person: no clerk says it for somebody at a counter.
    says: registers' operations that carry the person's own word, `social/acceptOffer` (`*/...`: of whichever register): for these, and
    no other, the identity provider vouches for them when they act.
    numbered: the field of a number that its office reserved for papers: one of no block of theirs, or used before, is a defect.
    is_return: something is sent back; its data has `defects`, a list of reason codes; a second return with a new code needs a
    supervisor.
    """

    name: str
    by: tuple[str, ...]
    when: tuple[str, ...] = ()
    to: str | None = None
    screen: str | None = None
    acr: Acr = "low"
    once: str | None = None
    decides: bool = False
    stops: str | None = None
    is_return: bool = False
    reopens: bool = False
    in_person: bool = False
    numbered: str | None = None
    says: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """What exactly somebody says whose word another's message carries. says: its kind, as the register knows it.  content: JSON, as the
    register makes it again of what it is asked to do."""

    says: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A screen waits for everybody of a role while the case has one of these statuses and they have not yet done `until`.

    deadline: its name in the profile, counted from the day the case came to be so.
    optional: nobody waits for it: what they may do besides, as to withdraw.
    """

    screen: str
    role: str
    when: tuple[str, ...]
    until: tuple[str, ...] = ()
    deadline: str | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """kind: of `Process.jobs`.  arguments: JSON.  at: not before; None: now.  key: tells jobs of one kind and action apart."""

    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    at: datetime | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class NewNotice:
    """person: whose inbox.  text: key into the pack's texts, `birth.child_recorded`.  not_before: None: now."""

    person: str
    text: str
    values: Mapping[str, Any] = field(default_factory=dict)
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Effects:
    """What follows from an action, in its transaction. cancel_jobs: kinds of which nothing waiting is done any more.

    cancel_notices: nothing queued of this case is sent (the silence switch does both for all, by itself).
    parties: who joins the case.  office: who decides from now on.  decision: the record this action leaves, sealed with it.
    """

    jobs: tuple[Job, ...] = ()
    notices: tuple[NewNotice, ...] = ()
    cancel_jobs: tuple[str, ...] = ()
    cancel_notices: bool = False
    parties: tuple[Party, ...] = ()
    office: str | None = None
    decision: Callable[[DecisionStore], Draft] | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """How a case begins. parties: the person who opens is added by the engine as `Process.opener`.

    only_of: who has no other live case of this service; otherwise nothing is opened.
    """

    parties: tuple[Party, ...] = ()
    office: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    only_of: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What is to be recorded of an action, or every reason why not."""

    data: Mapping[str, Any]
    defects: tuple[Defect, ...] = ()


@dataclass(frozen=True, slots=True)
class ExchangeAnswer:
    """status: of HTTP.  json: the body; None when it has none.  file: the body when it is a PDF, a token, a container of evidence or a message of another data model, which are no JSON.  media_type: then what it is."""

    status: int
    json: Any  # of the service's shape; who asked reads it
    message_id: str
    file: bytes = b""
    media_type: str = ""


class Asking(Protocol):
    """Looks into registers while a person waits: each look a message with the case, the ground and the person acting."""

    profile: Profile
    now: datetime

    async def get(
        self, service: str, path: str, *, basis: str, proven: bool = False
    ) -> ExchangeAnswer | None:
        """proven: the register shows it to officials alone, and wants proof of who looks.  service: a register's name, `population`, or `GOV/70000002/population`.  None: 404, or the register is down; `failed` tells which."""
        ...

    def failed(self, service: str) -> bool:
        """Whether this register did not answer."""
        ...


class Work(Protocol):
    """A job's hands. Every method with a `step` is done once, whatever dies; its name is unique in the job."""

    case: Case | None
    """As it was after the action that asked for the job; None for an event's job."""
    arguments: Mapping[str, Any]
    profile: Profile
    at: datetime
    """When the job was asked for."""

    async def call(
        self,
        step: str,
        service: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        basis: str,
        acting: str | None = None,
        acting_for: str | None = None,
        content_type: str = "application/json",
        within: timedelta | None = None,
        case: str | None = None,
        says: str | None = None,
        read: Callable[[ExchangeAnswer], Awaitable[Any]] | None = None,
    ) -> ExchangeAnswer:
        """One message. service: a register's name, `population`, or `GOV/70000002/population`; of another instance `/VN/GOV/70000002/population`.  body: JSON; bytes go as they are.  acting: the person; None: `automatic`.  acting_for: whose word it is, if not their own.  case: when the job has none.
        read: makes of an answer that is no JSON what is remembered of it (`json`); done again if it dies, so with one effect.
        says: the operation, where it is the person's own word (`Rule.says`): the proof of the act in which they said it goes with it.

        A register that is down is asked again until it answers, and the case shows its name and the next try; `within`: for so
        long, then Unavailable is raised. Raises CallerError with the problem's code for what the register refuses (`detail`
        has `status`); PeerError (nonsense) counts as down.
        """
        ...

    async def words(self, seqs: Sequence[int]) -> Mapping[int, Mapping[str, str]]:
        """What was said in these actions of the job's case, with its proof: {says, salt, token}; of what was never proved nothing."""
        ...

    async def act(
        self,
        step: str,
        action: str,
        data: Mapping[str, Any] | None = None,
        *,
        case: str | None = None,
        only_of: str | None = None,
    ) -> str:
        """Do an action as the state. The case's status afterwards. Raises CallerError when the process refuses it now.

        only_of: who becomes a party by it, and has no other live case of the service (`has_case`), as of `Opening`.
        """
        ...

    async def open(
        self, step: str, service: str, opening: Opening, *, data: Mapping[str, Any] | None = None
    ) -> str:
        """Open a case as the state; its id. The same job opens it once.

        Raises CallerError: `not_offered`, there is no such service here; `has_case`, of `Opening.only_of`.
        """
        ...

    async def brought(self, step: str, register: str, decision: str, *, case: str | None = None) -> None:
        """Notices of the case have brought a decision to whom they were sent, though its results do not name it: the register is told."""
        ...

    async def current(self, step: str, case: str | None = None) -> str:
        """The case's status at that moment."""
        ...

    async def cases(self, step: str, service: str, person: str, *, closed: bool = False) -> Sequence[str]:
        """Ids of the live cases of a service in which the person is a party.

        closed: of those that were closed, too, at one look: one may be opened again, or closed, between two.
        """
        ...

    def address(self, register: str) -> str:
        """`GOV/70000006/residence` of a register's name. Raises CallerError (`unknown_service`)."""
        ...

    async def numbered(self, step: str, number: str) -> str | None:
        """Id of the case with this number, at that moment."""
        ...

    async def on_desk(self, step: str, office: str, data: Mapping[str, Any]) -> Sequence[str]:
        """Ids of the live cases of an office whose data has all of these."""
        ...


JobFunction = Callable[[Work], Awaitable[None]]


class Process(ABC):
    """service: id in the catalogue.  opener: the role of the person who opens a case; None: only the state does.

    events: type of event -> kind of job that takes it (the job has no case; `arguments["event"]` has id, source, type,
    subject, time, data).  silenced: role -> `death`, `stillbirth`, `protection_order`: what of such a party silences the case: every queued notice and
    waiting job ends, the action `SILENCE` {reason, person} is taken (give it a rule for the state), and no notice is sent any more.
    mourned: role -> the same: what of such a party leaves the case alive without them: every notice in it that nobody has read
    ends, the action `BEREAVE` {reason, person} is taken (a rule for the state), and no notice is sent to them any more.
    Of a death that was none both end where there is a rule for `REVIVE` {person} by the state.
    visible: role -> roles of other parties it may see.  closed: statuses in which nothing may be done any more.
    """

    service: ClassVar[str]
    rules: ClassVar[tuple[Rule, ...]]
    waiting: ClassVar[tuple[Waiting, ...]] = ()
    opener: ClassVar[str | None] = None
    events: ClassVar[Mapping[str, str]] = {}
    silenced: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    mourned: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    visible: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    closed: ClassVar[tuple[str, ...]] = ("CLOSED",)

    def silenced_in(self, case: Case) -> Mapping[str, tuple[str, ...]]:
        """`silenced`, of this case."""
        return self.silenced

    def rule(self, name: str) -> Rule | None:
        return next((rule for rule in self.rules if rule.name == name), None)

    def status(self, status: str, taken: Taken, before: Case) -> str:
        """The fold: the status after `taken`. before: the case without it. By default what its rule says."""
        rule = self.rule(taken.name)
        return rule.to if rule is not None and rule.to is not None else status

    async def opening(self, actor: Actor, asking: Asking) -> Opening:
        """When a person opens a case. Raises Refused."""
        return Opening()

    async def check(
        self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        """Look over what was given, complete already as a form; name every defect. Registers may be asked."""
        return Given(values)

    def after(self, case: Case, taken: Taken) -> Effects:
        """Pure. case: with `taken` in it."""
        return Effects()

    def asks(self, case: Case, waiting: Waiting, person: str) -> bool:
        """Whether what waits for a role waits for this person of it. Pure."""
        return True

    represents: ClassVar[tuple[str, ...]] = ()
    """Actions in which people represent others by law in their own name, of whose mandates whoever decides later is told."""

    def speaks_for(self, case: Case, rule: Rule, given: Mapping[str, Any]) -> Sequence[str]:
        """Whom people represent by law in this action, done in their own name: the decision that comes of it says by which right.

        given: as `check` left it. Pure.
        """
        return ()

    def statement(self, case: Case, rule: Rule, given: Mapping[str, Any]) -> Statement | None:
        """What the person says in this action that a register is to believe though somebody else's message carries it; None: nothing.

        given: as `check` left it. Pure.
        """
        return None

    def near(self, case: Case) -> Sequence[str]:
        """Whom it is about: of these, and of whoever is close to them, nobody decides. Pure."""
        return [party.person for party in case.parties]

    def deadline(self, case: Case, promised: str) -> str:
        """Which of the profile's deadlines a clock of the case has. promised: as its service says. Pure."""
        return promised

    def names_office(self, case: Case) -> bool:
        """Whether its messages say for which office they are: not where its place would tell somebody where another hides. Pure."""
        return all(taken.data.get("reason") != "protection_order" for taken in case.all("SILENCE"))

    def tells(self, case: Case, taken: Taken, reader: Reader) -> bool:
        """Whether an action of somebody else's stands in a party's timeline at all. Pure."""
        return True

    def shown(self, case: Case, taken: Taken, role: str, reader: Reader) -> Mapping[str, Any]:
        """Of an automatic action's data what a party of this role reads in the timeline. Pure."""
        return taken.data

    def seen_by_office(self, case: Case, taken: Taken, actor: Actor) -> Mapping[str, Any]:
        """Of an action's data what an official reads who did not do it. Pure."""
        return taken.data

    def explained(self, case: Case, of: str, actor: Actor) -> Explained | None:
        """The number of an `explanation` component and what it is made of; None: not for this viewer, or not yet. Pure."""
        return None

    def due(self, profile: Profile, today: date) -> Mapping[str, Opening]:
        """Cases that the calendar opens: key -> opening. A key is opened once, ever. Pure."""
        return {}

    def jobs(self) -> Mapping[str, JobFunction]:
        return {}

    async def options(self, case: Case, screen: Screen, actor: Actor, asking: Asking) -> Options:
        """For every `options_from` of the screen: (value, label)."""
        return {}

    def fitted(self, case: Case, screen: Screen) -> Screen:
        """The screen without questions whose answers this case has no use for; none that must be answered. By default all of it."""
        return screen

    async def suggested(self, case: Case, screen: Screen, actor: Actor) -> Mapping[str, Sequence[str]]:
        """What stands in the fields at first."""
        return {}

    async def facts(
        self, case: Case, of: str, concepts: Sequence[str], actor: Actor, asking: Asking
    ) -> Sequence[FactLine] | None:
        """Fact lines of a `facts` component; None: the engine asks `GET /persons/{code}/facts` of the registers that hold
        the concepts, for every party whose role is `of`.
        """
        return None

    def ended(self, case: Case, clock: str) -> tuple[Taken, str] | None:
        """The action by which a clock of the service (its id) ended without what it promised, first, and why, a code; None: it runs, or was kept. Pure."""
        return None

    def keeps(self, case: Case, clock: str, taken: Taken) -> bool:
        """Whether an action that ends a clock of the service (its id) brings what it promised. Pure."""
        return True

    def results(self, case: Case, role: str, reader: Reader) -> Mapping[str, Any]:
        """What came out of it, for this role and whoever looks. Pure."""
        return {}

    def untold(self, case: Case, role: str) -> Sequence[FailedBody]:
        """Bodies that do not know yet what came out of it, besides those a job waits for. Pure."""
        return ()


class Part(Process):
    """Part of every case, beside its own process: what follows of any action there, from what it adds."""

    def follow(self, case: Case, taken: Taken, *, is_closed: bool) -> Effects:
        """Pure."""
        return Effects()
