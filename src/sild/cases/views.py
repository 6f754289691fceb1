"""What screens are made from: values only, in codes and texts by language; whoever shows them renders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sild.cases.case import Party
from sild.catalogue import Defect, Screen

__all__ = [
    "Acted",
    "AssistedView",
    "CaseFile",
    "CaseLine",
    "CaseView",
    "ClockView",
    "DeskItem",
    "DraftLine",
    "Entry",
    "Explained",
    "ExplainedPart",
    "FactLine",
    "FailedBody",
    "Filled",
    "GatheredEvidence",
    "Home",
    "Notice",
    "Question",
    "ScreenChange",
    "Seen",
    "SignedFile",
    "Task",
]

Text = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Task:
    """A screen that waits for this viewer. due: the last day, if there is one."""

    case: str
    screen: str
    title: Text
    due: date | None = None


@dataclass(frozen=True, slots=True)
class ClockView:
    """promise: None before there is a valid receipt.  standing_for: reason of the stop that lasts.  late: past its promise.

    ended_on: the day on which it came to its end otherwise than promised; ended_for: why, `offer_refused`.

    expected: while there is no promise, what it would be if whatever is waited for came today.
    """

    id: str
    title: Text
    promise: date | None
    standing_for: str | None
    kept_on: date | None
    late: bool = False
    expected: date | None = None
    ended_on: date | None = None
    ended_for: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the timeline. name: the action.  by: `you`, a role, or `automatic`; no name of another party.

    seen: number of the action, where the viewer may see again what was shown with it.  helped: a clerk did it for them.
    """

    at: datetime
    name: str
    by: str
    data: Mapping[str, Any]
    seen: int | None = None
    helped: bool = False


@dataclass(frozen=True, slots=True)
class FailedBody:
    """body: subsystem that did not answer, `GOV/70000006/residence`.  next_try: when we ask again."""

    body: str
    reason: str
    next_try: datetime | None


@dataclass(frozen=True, slots=True)
class CaseLine:
    id: str
    number: str
    service: str
    title: Text
    status: str
    opened_at: datetime
    promise: date | None
    is_closed: bool


@dataclass(frozen=True, slots=True)
class Question:
    """What an office asked another body from a case. seq: of its CONSULT.  key: by which the body knows it.  register: of the body, `GOV/70000006/residence`.  about: a party's code.

    state: `sent` (on its way), `asked`, `late`, `answered`, `declined`, `turned_away`, `given_up`.  stops: whether clocks stand for it.
    begun, ended: the moments between which they do.  official: who answered, by code.
    """

    seq: int
    key: str
    register: str
    about: str | None
    question: str
    disclosed: tuple[str, ...]
    due: date
    asker: str
    stops: bool
    begun: datetime
    state: str = "sent"
    ended: datetime | None = None
    answer: str | None = None
    official: str | None = None
    answered_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """The body may still answer."""
        return self.state in ("sent", "asked", "late")


@dataclass(frozen=True, slots=True)
class GatheredEvidence:
    """What a person brought of what the service requires, or is about to bring, from another country. seq: of the action that began it.

    state: `asked`, `preview` (they are to look at `location` and come back by `way`), `fetching`, `received`, `missed` for a `reason`;
    `uploaded` by themselves, `without`.  file: of the case.  lines: what a sealed document says.  provenance: who issued it, when, by which messages.
    """

    seq: int
    person: str
    requirement: str
    state: str
    at: datetime
    title: Text = field(default_factory=dict)
    country: str | None = None
    provider: Text = field(default_factory=dict)
    location: str | None = None
    way: str | None = field(default=None, repr=False)
    reason: str | None = None
    file: str | None = None
    lines: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SignedFile:
    """What a person signed in the case. id: by which the container is had.  person: who, as in `Party`."""

    id: str
    name: str
    action: str
    person: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CaseView:
    """role: what the viewer is in it.  tasks: screens that wait for them; may: what they can do besides.  parties: those whom this viewer may see.  results: what came out, by the process.

    seq: of the newest action; a form gives it back nowhere: two answers at once are told apart inside.  idle_screens: of this
    viewer's, on which nothing can be done now: `already_done`, `case_closed`, or `not_now`.  signed: that this viewer may have.
    evidence: their own from abroad, or to the office what was brought.  together: the one promise of what the country links.
    """

    id: str
    number: str
    service: str
    title: Text
    status: str
    role: str
    seq: int
    timeline: tuple[Entry, ...]
    clocks: tuple[ClockView, ...]
    tasks: tuple[Task, ...]
    parties: tuple[Party, ...]
    results: Mapping[str, Any]
    failed_bodies: tuple[FailedBody, ...]
    assigned: str | None = None
    is_closed: bool = False
    may: tuple[Task, ...] = ()
    idle_screens: Mapping[str, str] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    signed: tuple[SignedFile, ...] = ()
    evidence: tuple[GatheredEvidence, ...] = ()
    together: ClockView | None = None


@dataclass(frozen=True, slots=True)
class FactLine:
    """One thing the state knows. value: plain, or None and why it is not known (`register_down`, `not_held`, `sealed`).

    register: subsystem that said so, or would.  source, valid_from, known_from, basis, ref: of the fact (ref: its id there).
    label: what it is in the reader's language, where the concept is too wide; then `is_marked` sets it off among its like by the
    concept's name.  parts: of what it is the sum.  file: id of the case's file that it is.  decision: it rests on, `social/ID`.
    """

    concept: str
    of: str
    value: Any
    unknown_reason: str | None = None
    register: str = ""
    source: str | None = None
    valid_from: str | None = None
    known_from: str | None = None
    basis: str | None = None
    ref: int | None = None
    label: str = ""
    is_marked: bool = False
    parts: tuple[FactLine, ...] = ()
    file: str | None = None
    decision: str | None = None


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A file of a person in a case. media_type: by its content.  size: bytes.  sha256: hexadecimal; both of what is kept.

    is_sent: with an action; one of a draft is nobody's but the person's.
    """

    id: str
    name: str
    media_type: str
    size: int
    sha256: str
    at: datetime
    is_sent: bool = False

    def as_json(self) -> dict[str, Any]:
        """As an action keeps it."""
        said = {"id": self.id, "name": self.name, "media_type": self.media_type}
        return {**said, "size": self.size, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class AssistedView:
    """A one-off mandate as its clerk sees it. name: of the person, as the register knows it.  case: it was used for.

    cases: that can be gone on with, while it was used for none.  may_open: a new case can be begun.
    """

    id: str
    person: str
    name: str
    service: str
    title: Text
    way: str
    until: datetime
    is_standing: bool
    case: str | None
    cases: tuple[CaseLine, ...]
    may_open: bool


@dataclass(frozen=True, slots=True)
class ExplainedPart:
    """label, value: what, and how much of it there is.  amount: what it adds, tenths.  spread: of it, tenths."""

    label: str
    value: str
    amount: int
    spread: int


@dataclass(frozen=True, slots=True)
class Explained:
    """A number made of parts, in the viewer's words. base + the parts = total, tenths, exactly.

    absent: why there is no number; then the rest is empty.  low, high: between which it probably lies.  shown: numbers of other
    origin beside it, by label.  source: what said so.  link: to more about it.
    """

    absent: str = ""
    base_label: str = ""
    base: int = 0
    parts: tuple[ExplainedPart, ...] = ()
    total_label: str = ""
    total: int = 0
    interval: str = ""
    warnings: tuple[str, ...] = ()
    shown: tuple[tuple[str, str], ...] = ()
    source: str = ""
    link: str = ""


Options = Mapping[str, Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class ScreenChange:
    """kind: `new`: asked since; `gone`: asked no more; `other`: asked otherwise, so that it has to be answered anew."""

    kind: str
    field: str
    label: Text


@dataclass(frozen=True, slots=True)
class Seen:
    """A screen as somebody saw it when they acted, and what they answered. shown_at: None: it was not shown before.  files: by id."""

    screen: Screen
    facts: tuple[FactLine, ...]
    options: Options
    given: Mapping[str, Sequence[str]]
    shown_at: datetime | None
    files: Mapping[str, CaseFile] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filled:
    """A screen ready to be shown. explained: by `of` of its explanations; without one it is not for this viewer now.  options: of fields with `options_from`, (value, label) in the viewer's language.

    values: the draft, else what is suggested; by field name, each with its values, as a form sends them.  changes: of the screen
    since the draft was saved.  files: that the person added to its fields, by id.  to_sign: actions that are done with a signature.
    """

    case: str
    screen: Screen
    facts: tuple[FactLine, ...]
    options: Options
    values: Mapping[str, Sequence[str]]
    defects: tuple[Defect, ...] = ()
    clocks: tuple[ClockView, ...] = ()
    failed_bodies: tuple[FailedBody, ...] = ()
    explained: Mapping[str, Explained] = field(default_factory=dict)
    changes: tuple[ScreenChange, ...] = ()
    files: Mapping[str, CaseFile] = field(default_factory=dict)
    to_sign: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Acted:
    """status: of the case afterwards.  again: the very same answer was given before, with this key.  service, number: the case's."""

    case: str
    status: str
    action: str
    seq: int
    again: bool = False
    service: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """text: key into the pack's texts; values: for its places.  is_overtaken: a later one says what holds now."""

    id: str
    at: datetime
    case: str
    text: str
    values: Mapping[str, Any]
    read_at: datetime | None
    is_overtaken: bool = False

    @property
    def is_news(self) -> bool:
        """Neither read nor overtaken by a later one."""
        return self.read_at is None and not self.is_overtaken


@dataclass(frozen=True, slots=True)
class DraftLine:
    case: str
    screen: str
    title: Text
    at: datetime


@dataclass(frozen=True, slots=True)
class Home:
    tasks: tuple[Task, ...]
    cases: tuple[CaseLine, ...]
    drafts: tuple[DraftLine, ...]
    unread: int


@dataclass(frozen=True, slots=True)
class DeskItem:
    """waiting_for: the body or party it waits for, if not for the office.  assigned: who took it."""

    case: str
    number: str
    service: str
    title: Text
    status: str
    promise: date | None
    late: bool
    waiting_for: str | None
    assigned: str | None
    tasks: tuple[str, ...] = field(default=())
