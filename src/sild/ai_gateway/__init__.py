"""The only road to a model (DECISIONS 4 and 5): OpenAI's wire in; OpenAI, Anthropic and local models out.

Default deny. A key is a purpose, an entry of the algorithm register and named templates; a prompt is a template with typed slots;
the class of each value and a second lock decide where it may go; every asking is in the ledger before it goes out; what a model says
is looked through before anybody gets it. Called over HTTP by whoever has a key (`sild.gateway_client`); imported by the process alone.

A call: http.py -> gateway.py (the order) -> key_book.py, listening.py (canaries.py), templates.py, judgement.py (classes.py, second_lock.py: identifiers.py, names.py)
-> store.py -> asking.py (switches.py, breaker.py, profiles.py, providers/) -> outputs.py. For the public: report.py, egress_page.py.
"""

from sild.ai_gateway.canaries import Canary, make_canaries
from sild.ai_gateway.errors import BudgetSpent, KeyRefused, NoModel, PromptRefused
from sild.ai_gateway.gateway import Completed, Gateway
from sild.ai_gateway.http import gateway_app, metrics_app
from sild.ai_gateway.judgement import Question
from sild.ai_gateway.key_book import KeyBook
from sild.ai_gateway.parts import open_data, open_parts, open_store
from sild.ai_gateway.profiles import ProviderProfile, ProviderSettings
from sild.ai_gateway.report import EgressReport, egress_report
from sild.ai_gateway.settings import GatewaySettings
from sild.ai_gateway.store import GatewayKey, Store, Switch

__all__ = [
    "BudgetSpent",
    "Canary",
    "Completed",
    "EgressReport",
    "Gateway",
    "GatewayKey",
    "GatewaySettings",
    "KeyBook",
    "KeyRefused",
    "NoModel",
    "PromptRefused",
    "ProviderProfile",
    "ProviderSettings",
    "Question",
    "Store",
    "Switch",
    "egress_report",
    "gateway_app",
    "make_canaries",
    "metrics_app",
    "open_data",
    "open_parts",
    "open_store",
]
