"""The portal: one place for citizen and official. Server-rendered, works without a script, an application where there is one.

OpenID Connect (as a relying party), RFC 7515, 8030, 8291, 8292 (Web Push), Web Application Manifest, WCAG 2.2 AA; screens
from the Screen JSON contract of `catalogue`. What it shows it asks the case system for, and registers over the exchange.
Called by `sild.nation` and `sild.processes`.

portal.py   wiring, the table of routes     visit.py        who comes, may they, is the form ours    edge.py   requests, headers
relying_party.py, sessions.py  log-in       account.py      log-in and out, settings                  pages.py  templates, texts
public.py   services for everybody          person.py       home, cases, inbox                        desk.py   officials
screens.py  one screen of a case            receipts.py     the same form, the same receipt           push.py   Web Push
my_data.py  facts of every register         tracker.py      who looked                                statement.py  and no more
mandates.py, mandate_keeper.py  who may act for whom, kept by the identity provider
assistant.py, dialogues.py  the assistant, help, law
kept_forms.py  a session that ended mid-form    app_files.py   manifest, service worker               store.py, tables.py
opening.py  a portal with its case system, joined: over_cases.py   events_door.py   events of registers, from the exchange

One form, file by file: edge.py, visit.py, screens.py, receipts.py, pages.py.
"""

from sild.portal.events_door import events_app
from sild.portal.mandate_keeper import MandateKeeper
from sild.portal.opening import OpenedPortal, Signing, open_portal, packs_of
from sild.portal.over_cases import PortalCases, PortalExchange, PortalVoucher
from sild.portal.portal import ROUTES, Portal, PortalRoute, portal_app
from sild.portal.ports import Cases, ChannelProof, Evidence, Exchange, Proof, TrackerEntry, Usage, Witnessed
from sild.portal.push import WebPush
from sild.portal.settings import (
    CaseOptions,
    DecisionSource,
    EvidenceService,
    FactSource,
    Office,
    PaperSource,
    PortalOptions,
    PortalSettings,
    PreviewOptions,
    WalletSource,
)
from sild.portal.statement import completeness_statement
from sild.portal.visit import Access

__all__ = [
    "ROUTES",
    "Access",
    "CaseOptions",
    "Cases",
    "ChannelProof",
    "DecisionSource",
    "Evidence",
    "EvidenceService",
    "Exchange",
    "FactSource",
    "MandateKeeper",
    "Office",
    "OpenedPortal",
    "PaperSource",
    "Portal",
    "PortalCases",
    "PortalExchange",
    "PortalOptions",
    "PortalRoute",
    "PortalSettings",
    "PortalVoucher",
    "PreviewOptions",
    "Proof",
    "Signing",
    "TrackerEntry",
    "Usage",
    "WalletSource",
    "WebPush",
    "Witnessed",
    "completeness_statement",
    "events_app",
    "open_portal",
    "packs_of",
    "portal_app",
]
