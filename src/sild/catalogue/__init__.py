"""What a state offers, as data: services (CPSV-AP), screens of one contract for every channel, clocks in working days.

Pure: packs and profiles come in as parsed JSON or YAML, nothing is read from a disk, time is an argument.

services.py   a public service, CPSV-AP       cpsv.py       the catalogue as RDF (import it: rdflib takes its time)
screens.py    the Screen JSON contract         answers.py    what people filled in, every defect at once
profile.py    a country as data: days, divisions and competence with dates, deadlines
once_only.py  no question a register answers   calendar.py   working days of a country       clocks.py  promise dates

Called by cases and the portal. CPSV-AP 3.2; Decree 118/2025 (any centre of the province may receive).
"""

from __future__ import annotations

from sild.catalogue.answers import Answers, Defect, read_answers
from sild.catalogue.calendar import WorkingDays
from sild.catalogue.clocks import Clock, ClockStop
from sild.catalogue.once_only import ensure_concepts_known, ensure_once_only
from sild.catalogue.profile import (
    Certificate,
    Competence,
    Deadline,
    Division,
    NoticeKind,
    Profile,
    Remedy,
    parse_profile,
)
from sild.catalogue.screens import (
    Action,
    Component,
    Explanation,
    Facts,
    Field,
    Screen,
    Text,
    parse_screen,
    screen_schema,
)
from sild.catalogue.services import Clockwork, Evidence, PublicService, parse_service

__all__ = [
    "Action",
    "Answers",
    "Certificate",
    "Clock",
    "ClockStop",
    "Clockwork",
    "Competence",
    "Component",
    "Deadline",
    "Defect",
    "Division",
    "Evidence",
    "Explanation",
    "Facts",
    "Field",
    "NoticeKind",
    "Profile",
    "PublicService",
    "Remedy",
    "Screen",
    "Text",
    "WorkingDays",
    "ensure_concepts_known",
    "ensure_once_only",
    "parse_profile",
    "parse_screen",
    "parse_service",
    "read_answers",
    "screen_schema",
]
