"""What the portal needs from outside: the case system it shows, the exchange for people's own data, evidence of messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, Literal, Protocol

from sild.cases import (
    Acted,
    Actor,
    AssistedView,
    BirthPaper,
    CaseFile,
    CaseView,
    DeskItem,
    ExchangeAnswer,
    FactLine,
    Filled,
    HandedIn,
    Home,
    Identified,
    LogWitness,
    MatterOfAlgorithms,
    Notice,
    NumberBlock,
    OwnFigures,
    Pending,
    PublicFinding,
    ReservedBlock,
    Seen,
    Sighting,
)
from sild.catalogue import PublicService

__all__ = [
    "Cases",
    "ChannelProof",
    "Evidence",
    "Exchange",
    "Proof",
    "TrackerEntry",
    "Usage",
    "Witness",
    "Witnessed",
]

Witness = LogWitness


@dataclass(frozen=True, slots=True)
class TrackerEntry:
    """One use of a person's data. id: the same whenever it is asked for.  body: that asked.  acting: `automatic`, or the role of who looked.  register: that answered.

    own: the message was this system's, so its evidence can be had here.  office: for which the system asked, `birth@0793`.
    """

    id: str
    at: datetime
    body: str
    system: str
    operation: str
    case: str | None
    basis: str | None
    acting: str
    kind: str
    message_id: str
    register: str
    own: bool = True
    office: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """total, withheld: by register: all records that concern the person, and those the law keeps back.

    since: from when on each counts.  addresses: of registers that are asked, `GOV/70000002/population`, by the names they have here.
    abroad: what was asked of registers of other countries for them, by our own record: those keep records of their own.
    """

    entries: tuple[TrackerEntry, ...]
    failed_registers: tuple[str, ...]
    total: Mapping[str, int]
    withheld: Mapping[str, int]
    since: Mapping[str, datetime] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    abroad: tuple[TrackerEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What registers list, and what message logs say of it. nonce: which each log says again."""

    usage: Usage
    nonce: str
    witnesses: tuple[Witness, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """That a service lives. closed: in the last 90 days.  median_days: working days from a case's opening to its end, of those.

    is_recent: there was a case in the last 90 days.  is_owned: its owner was heard in the last 30.  online_least: share of cases that went
    online to their end, at its lower bound; None: too few to tell.  is_whole: whether that shows it is done so; None: not shown.
    """

    last_case_at: datetime | None
    closed: int
    median_days: float | None
    owner_heard_at: datetime | None
    is_recent: bool
    is_owned: bool
    channels: tuple[ChannelProof, ...]
    online_least: float | None
    is_whole: bool | None


@dataclass(frozen=True, slots=True)
class ChannelProof:
    """channel: `portal`, `desk`, `assisted`, `proactive`.  returned: cases sent back at least once."""

    channel: str
    closed: int
    returned: int
    median_days: float


class Cases(Protocol):
    """The case system. Refusals are `Refused`, outages Unavailable."""

    def services(self) -> Sequence[PublicService]: ...

    def words(self, service: str, key: str, language: str, **values: object) -> str | None:
        """A text of the service's pack, `status.DECLARED`; None when it has none."""
        ...

    def place(self, code: str) -> str | None:
        """Name of a division of the country, `0793`; None: there is none of that code."""
        ...

    async def home(self, actor: Actor) -> Home: ...

    async def open_case(self, service: str, actor: Actor, *, key: str) -> str: ...

    async def view(self, case: str, actor: Actor) -> CaseView: ...

    async def fill(self, case: str, screen: str, actor: Actor) -> Filled: ...

    async def save_draft(
        self, case: str, screen: str, actor: Actor, values: Mapping[str, Sequence[str]]
    ) -> None: ...

    async def act(
        self, case: str, action: str, actor: Actor, given: Mapping[str, Sequence[str]], *, key: str
    ) -> Acted: ...

    async def ask_signature(
        self, case: str, action: str, actor: Actor, given: Mapping[str, Sequence[str]], *, key: str
    ) -> str:
        """Where the person signs what `act` refused for `signature_needed`."""
        ...

    async def asked_signature(self, state: str, actor: Actor) -> Pending: ...

    async def finish_signature(self, state: str, code: str, actor: Actor) -> Acted: ...

    async def signed(self, case: str, signature: str, actor: Actor) -> tuple[str, bytes]:
        """File name and container of what was signed."""
        ...

    async def add_file(
        self, case: str, screen: str, field: str, actor: Actor, content: IO[bytes], name: str
    ) -> CaseFile:
        """For a field of a screen, as a draft. Raises Refused (`defects`: what is wrong with it)."""
        ...

    async def remove_file(self, case: str, screen: str, field: str, actor: Actor) -> None: ...

    async def file(self, case: str, file: str, actor: Actor) -> CaseFile: ...

    async def read_file(self, case: str, file: str, actor: Actor) -> AsyncIterator[bytes]: ...

    async def record_mandate(
        self,
        clerk: Actor,
        person: str,
        service: str,
        statement: str,
        *,
        identified: Identified,
        office: Mapping[str, str],
        key: str,
    ) -> str:
        """A one-off mandate of a clerk; its id."""
        ...

    async def assisted(self, mandate: str, clerk: Actor) -> AssistedView: ...

    async def assisting(self, clerk: Actor) -> Sequence[AssistedView]: ...

    async def begin_assisted(self, mandate: str, clerk: Actor, case: str | None, *, key: str) -> str: ...

    async def end_mandate(self, mandate: str, actor: Actor) -> None: ...

    async def seen(self, case: str, seq: int, actor: Actor) -> Seen:
        """What was shown with an action."""
        ...

    async def inbox(self, actor: Actor) -> Sequence[Notice]: ...

    async def read_notice(self, notice: str, actor: Actor, language: str | None = None) -> None:
        """language: in which they read it."""
        ...

    async def pushed(self, person: str, since: datetime) -> None:
        """A device of theirs took a wake-up for notices newer than `since`."""
        ...

    async def desk(self, actor: Actor) -> Sequence[DeskItem]: ...

    async def take(self, case: str, actor: Actor) -> None: ...

    async def release(self, case: str, actor: Actor) -> None: ...

    async def look_up(self, actor: Actor, person: str, *, case: str) -> Sequence[FactLine]:
        """Raises Refused (`no_live_case`)."""
        ...

    async def reserve_numbers(self, service: str, count: int, actor: Actor, *, key: str) -> NumberBlock:
        """For papers; the same form again gives the same block."""
        ...

    async def number_blocks(self, actor: Actor) -> Sequence[ReservedBlock]: ...

    async def hand_in(self, paper: BirthPaper, actor: Actor) -> HandedIn:
        """Raises Refused (`defects`)."""
        ...

    async def paper(self, number: str, actor: Actor) -> HandedIn:
        """Raises Refused (`not_found`)."""
        ...

    async def usage(self, actor: Actor) -> Usage: ...

    async def witnessed_usage(self, actor: Actor) -> Witnessed: ...

    async def ask_unlisted(self, actor: Actor, register: str, messages: Sequence[str]) -> str:
        """A case about requests of a message log, by SHA-256 of their ids, that a register, `GOV/70000002/population`, does not list."""
        ...

    async def usage_container(
        self, actor: Actor, register: str, message_id: str, part: Literal["request", "response"]
    ) -> bytes:
        """A message by which the person's data was used, ASiC-E without its body, out of the register's own log.

        Raises CallerError (`unknown_message`, `names_others`, `not_in_log`), PeerError, Unavailable.
        """
        ...

    async def ask_why(self, actor: Actor, entry: str) -> str: ...

    async def ask_official(self, actor: Actor, turns: Sequence[tuple[str, str]], *, key: str) -> str:
        """A case with a dialogue, (asked, answered), to look over and sign; its id."""
        ...

    async def contest(self, actor: Actor, register: str, record: Mapping[str, Any]) -> str:
        """A case in which the decision is contested, or the one there is; its id. Raises Refused."""
        ...

    async def finding(
        self, actor: Actor, register: str, record: Mapping[str, Any], *, basis: str, matter: str, key: str
    ) -> str:
        """A case in which an auditor says what is wrong with a decision; its id."""
        ...

    async def findings(self) -> Sequence[PublicFinding]:
        """As everybody may know them; the newest first."""
        ...

    async def sightings(self, actor: Actor) -> Sequence[Sighting]: ...

    async def refused_looks(self, actor: Actor) -> Sequence[Sighting]:
        """What others were refused of the person, the newest first."""
        ...

    async def own_figures(self, actor: Actor) -> OwnFigures: ...

    async def own_access(self, actor: Actor) -> Sequence[TrackerEntry]: ...

    async def proofs(self) -> Mapping[str, Proof]: ...

    async def catalogue(self, base: str) -> str:
        """CPSV-AP in Turtle, of what is published. base: URI of the catalogue, with `/` at its end."""
        ...

    async def tell_of_algorithms(self, found: Sequence[MatterOfAlgorithms]) -> None:
        """A matter for officials of each that none waits for. Raises Unavailable."""
        ...

    async def differences_are(self, keys: Sequence[str]) -> None:
        """Of entries that differ from the running system: what waits and is none of these is over. Raises Unavailable."""
        ...


class Exchange(Protocol):
    """Messages to registers. Raises Unavailable, PeerError, CallerError with the problem's code."""

    def system(self, service: str) -> str:
        """`INSTANCE/CLASS/CODE/SUBSYSTEM` of a register, `GOV/70000002/population`."""
        ...

    async def call(
        self,
        service: str,
        method: str,
        path: str,
        *,
        body: Any = None,
        case: str | None,
        basis: str,
        acting: str,
        represented: str | None = None,
        message_id: str | None = None,
        proof: str | None = None,
        office: str | None = None,
    ) -> ExchangeAnswer:
        """proof: the identity provider's word about who acts, where it is the person's own word to the register.  office: for which it is asked."""
        ...


class Evidence(Protocol):
    async def container(self, message_id: str) -> bytes:
        """The ASiC-E container of a message from the own security server's log. Raises Unavailable, CallerError."""
        ...
