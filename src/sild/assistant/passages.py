"""What can be quoted: clauses of law, lines of the service catalogue, help. A passage has one id and its words in every language."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from sild.catalogue import Deadline, Field, Profile, PublicService, Screen, Text
from sild.errors import CallerError
from sild.i18n import Texts, format_money

__all__ = [
    "Act",
    "Kind",
    "Passage",
    "Source",
    "Sum",
    "Topic",
    "catalogue_passages",
    "help_passages",
    "law_passages",
    "parse_act",
    "parse_topics",
    "remedy_passages",
]

Kind = Literal["clause", "service", "help"]
LANGUAGES = ("et", "vi", "en")
_PLACE = re.compile(r"\{(?:([a-z-]+):)?([a-z_.]+)\}")
Sum = tuple[str, str]
"""A parameter of a rule package: its value as written, and its unit (a currency, or what is counted)."""
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a clause stands. version: day of the text.  is_demonstration: written for the demonstration, not the act's own words."""

    act: str
    names: Text
    section: str
    clause: str
    version: date
    uri: str
    is_demonstration: bool

    @property
    def cited(self) -> str:
        return " ".join(part for part in (self.act, self.section, self.clause) if part)


@dataclass(frozen=True, slots=True)
class Passage:
    """id: `RRS 69.1`, `clock:move.registered`, `move.how`.  asked: words people use for it; found by, never quoted.

    link: a page of the portal.  service: whose it is.  is_delicate: never beside another answer, nor among search results.  law: clauses it rests on, ids; those of other countries may be among them.
    """

    id: str
    kind: Kind
    title: Text
    text: Text
    link: str
    asked: Text = field(default_factory=dict)
    service: str | None = None
    source: Source | None = None
    law: tuple[str, ...] = ()
    is_delicate: bool = False


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Clause(_Part):
    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-z.]+$")]
    section: str
    clause: str
    et: str
    vi: str
    en: str
    asked: Text = {}


class Act(_Part):
    """One act of packs/law. act: as people cite it.  version: day of the text.  demonstration: not the act's own words."""

    act: str
    names: Text
    uri: str
    version: date
    demonstration: bool
    clause: tuple[Clause, ...]


class Words(_Part):
    title: str
    text: str
    asked: str = ""


class Topic(_Part):
    """One question of a help page. law: ids of clauses.  countries: where it holds; none: everywhere.  is_delicate: of grief.

    In its text `{move.duty}` is that deadline of the profile, in words, `{ee-family-benefits:birth_grant}` that parameter of a rule package.
    """

    id: Name
    countries: tuple[str, ...] = ()
    is_delicate: bool = False
    law: tuple[str, ...] = ()
    service: Name | None = None
    link: Annotated[str, StringConstraints(pattern=r"^/[a-z0-9/#_-]*$")]
    et: Words
    vi: Words
    en: Words


class _Help(_Part):
    topic: tuple[Topic, ...]


def parse_act(content: Mapping[str, Any]) -> Act:
    """From parsed TOML. Raises CallerError (`invalid_law`)."""
    try:
        return Act.model_validate(content)
    except ValidationError as error:
        raise CallerError(f"not an act: {error.error_count()} faults", code="invalid_law") from None


def parse_topics(content: Mapping[str, Any]) -> tuple[Topic, ...]:
    """From parsed TOML. Raises CallerError (`invalid_help`)."""
    try:
        return _Help.model_validate(content).topic
    except ValidationError as error:
        raise CallerError(f"not help: {error.error_count()} faults", code="invalid_help") from None


def law_passages(acts: Sequence[Act]) -> Iterator[Passage]:
    for act in acts:
        for clause in act.clause:
            source = Source(
                act.act, act.names, clause.section, clause.clause, act.version, act.uri, act.demonstration
            )
            yield Passage(
                id=f"{act.act} {clause.id}",
                kind="clause",
                title={tag: f"{act.names[tag]} {clause.section}" for tag in LANGUAGES},
                text={tag: getattr(clause, tag) for tag in LANGUAGES},
                asked=clause.asked,
                link=f"/law/{act.act.replace('/', '-')}#c{clause.id}",
                source=source,
            )


def help_passages(
    topics: Sequence[Topic], profile: Profile, sums: Mapping[str, Sum], texts: Texts
) -> Iterator[Passage]:
    """sums: parameters in force by `PACKAGE:PATH`. Raises KeyError for a deadline or a parameter that is not there."""
    for topic in topics:
        words = {tag: getattr(topic, tag) for tag in LANGUAGES}
        yield Passage(
            id=topic.id,
            kind="help",
            title={tag: one.title for tag, one in words.items()},
            text={tag: _filled(one.text, tag, profile, sums, texts) for tag, one in words.items()},
            asked={tag: one.asked for tag, one in words.items()},
            link=topic.link,
            service=topic.service,
            law=topic.law,
            is_delicate=topic.is_delicate,
        )


def remedy_passages(profile: Profile, texts: Texts) -> Iterator[Passage]:
    """What a person may do against a decision, as the profile says."""
    for name, remedy in profile.remedies.items():
        words = {
            tag: texts.speaker(tag)(
                "passage.remedy",
                name=remedy.name[tag],
                body=remedy.body[tag],
                days=_days(remedy.deadline, tag, texts),
                basis=remedy.deadline.basis,
            )
            for tag in LANGUAGES
        }
        asked = {tag: texts.speaker(tag)("passage.remedy_asked") for tag in LANGUAGES}
        yield Passage(f"remedy:{name}", "help", remedy.name, words, "/home", asked)


def _filled(text: str, language: str, profile: Profile, sums: Mapping[str, Sum], texts: Texts) -> str:
    def said(place: re.Match[str]) -> str:
        package, path = place.groups()
        if package is None:
            return _days(profile.deadlines[path], language, texts)
        value, unit = sums[f"{package}:{path}"]
        return format_money(value, unit, language) if len(unit) == 3 and unit.isupper() else value

    return _PLACE.sub(said, text)


def _days(deadline: Deadline, language: str, texts: Texts) -> str:
    """A deadline in words: `10 working days`, `14 days`."""
    if deadline.unit == "working_days":
        return texts.speaker(language)("passage.working_days", count=deadline.value)
    if deadline.value == 1:
        return texts.speaker(language)(f"passage.{deadline.unit}_1")
    return texts.speaker(language)(f"passage.{deadline.unit}", count=deadline.value)


def catalogue_passages(
    services: Sequence[PublicService], screens: Mapping[str, Screen], profile: Profile, texts: Texts
) -> Iterator[Passage]:
    """Every line of a service's page, and what its screens tell those who fill them in (those of officials are theirs)."""
    for service in services:
        if service.life_events or any(channel.kind == "portal" for channel in service.channels):
            yield from _of_service(service, profile, texts)
            for name in service.screens:
                screen = screens.get(name)
                if screen is not None and screen.role != "official":
                    yield from _of_screen(service, screen)


def _of_service(service: PublicService, profile: Profile, texts: Texts) -> Iterator[Passage]:
    say = {tag: texts.speaker(tag) for tag in LANGUAGES}
    link = f"/services/{service.id}"

    def passage(id_: str, title: Text, text: Text, asked: Text | None = None) -> Passage:
        return Passage(id_, "service", title, text, link, asked or {}, service.id)

    def told(key: str, items: Sequence[Text]) -> dict[str, str]:
        return {
            tag: speak(key, service=service.title[tag], items=", ".join(one[tag] for one in items))
            for tag, speak in say.items()
        }

    keywords = {tag: " ".join(word.get(tag, "") for word in service.keywords) for tag in LANGUAGES}
    yield passage(f"service:{service.id}", service.title, service.description, keywords)
    for rule in service.rules:
        yield passage(f"rule:{rule.id}", rule.title, rule.description)
    if service.evidence:
        text = told("passage.evidence", [one.title for one in service.evidence])
        yield passage(f"evidence:{service.id}", told("passage.evidence_title", ()), text)
    yield passage(
        f"outputs:{service.id}",
        told("passage.outputs_title", ()),
        told("passage.outputs", [one.title for one in service.outputs]),
    )
    law = [dict.fromkeys(LANGUAGES, one.title) for one in service.legal_resources]
    yield passage(f"law:{service.id}", told("passage.law_title", ()), told("passage.law", law))
    for clock in service.clocks:
        deadline = profile.deadlines.get(clock.deadline)
        if deadline is None:
            continue
        words = {}
        for tag, speak in say.items():
            days = _days(deadline, tag, texts)
            key = "passage.clock" if deadline.basis == "profile" else "passage.clock_by_law"
            words[tag] = speak(
                key, service=service.title[tag], clock=clock.title[tag], days=days, basis=deadline.basis
            )
        yield passage(f"clock:{clock.id}", told("passage.clock_title", [clock.title]), words)


def _of_screen(service: PublicService, screen: Screen) -> Iterator[Passage]:
    def passage(id_: str, title: Text, text: Text) -> Passage:
        return Passage(id_, "service", title, text, f"/services/{service.id}", {}, service.id)

    if screen.lead is not None:
        yield passage(f"screen:{screen.id}", screen.title, screen.lead)
    for number, component in enumerate(screen.components):
        if isinstance(component, Field):
            if component.hint is not None:
                yield passage(f"screen:{screen.id}:{component.name}", component.label, component.hint)
        elif component.kind == "notice":
            yield passage(f"screen:{screen.id}:{number}", screen.title, component.text)
