"""Rule packages run in processes of their own: no network, no files, limits of time and memory.

A package is a program that somebody else wrote. OpenFisca (AGPL-3.0) and the package live in the worker alone; the process that asks
sees plain values. Docs: docs/rules.md; why: docs/adr/0028-rules-in-a-process-of-their-own.md.

engine.py   who asks: workers, deadlines, replacement     worker.py   the child: one package for all its life
sandbox.py  limits and locks of the child                 seccomp.py  the kernel's list of what it may not ask for
openfisca.py  OpenFisca's /calculate and /trace forms     http.py     the same as an ASGI application

Called by registers, case systems and commands that decide, replay or explain. `lock` and `limit_time` are for the children of cohorts,
which compute columns under the same locks.
"""

from __future__ import annotations

from sild.rule_engine.engine import RuleEngine
from sild.rule_engine.http import rules_app
from sild.rule_engine.openfisca import calculate_document, trace_document
from sild.rule_engine.sandbox import limit_time, lock

__all__ = ["RuleEngine", "calculate_document", "limit_time", "lock", "rules_app", "trace_document"]
