"""The case system behind the portal's port: texts of packs, the tracker in one list with counts, look-ups as facts."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sild.cases import Actor, CaseSystem, Packs
from sild.cases import TrackerEntry as CaseEntry
from sild.cases.views import Acted, CaseView, DeskItem, FactLine, Filled, Home, Notice
from sild.catalogue import PublicService
from sild.errors import CallerError
from sild.portal.ports import Proof, TrackerEntry, Usage

__all__ = ["CasesOfSystem"]
