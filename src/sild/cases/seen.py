"""What a person saw when they acted: the screen as it stood then, facts and choices as they were shown, and what was answered.

A screen is kept by its content, so that an action points to the very words; what was filled in is noted at each showing, and goes
with the action that follows. A draft knows the form it was written into: of a screen that has changed since, the answers that
still have a question stay, and the person is told what is new and what is asked no more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, select

from sild.cases.refusals import Refused
from sild.cases.store import Store, add_row
from sild.cases.tables import drafts, screens, seen, sights
from sild.cases.views import FactLine, Filled, ScreenChange, Seen
from sild.catalogue import Field, Screen, parse_screen

__all__ = ["SeenScreens", "changes_between", "digest_of"]


class SeenScreens:
    """Blocks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def note(self, filled: Filled, person: str, at: datetime) -> None:
        """Shown to the person now; the newest showing counts."""
        digest = digest_of(filled.screen)
        shown = {
            "facts": [_plain(asdict(line)) for line in filled.facts],
            "options": {name: [list(pair) for pair in pairs] for name, pairs in filled.options.items()},
        }
        mine = _mine(sights, filled.case, filled.screen.id, person)

        def write(connection: Connection) -> None:
            _keep(connection, filled.screen, digest)
            connection.execute(delete(sights).where(mine))
            row = {"case": filled.case, "screen": filled.screen.id, "person": person}
            add_row(connection, sights, {**row, "digest": digest, "shown": shown, "at": at})

        self._store.write(write)

    def acted(
        self,
        connection: Connection,
        case: str,
        seq: int,
        screen: Screen,
        person: str,
        given: Mapping[str, Sequence[str]],
    ) -> None:
        """In the action's transaction. Who acts without having been shown the screen has seen no more than its words."""
        digest = digest_of(screen)
        row = connection.execute(select(sights).where(_mine(sights, case, screen.id, person))).one_or_none()
        _keep(connection, screen, digest)
        connection.execute(
            insert(seen).values(
                case=case,
                seq=seq,
                digest=row.digest if row is not None else digest,
                shown=row.shown if row is not None else {"facts": [], "options": {}},
                given={name: list(values) for name, values in given.items()},
                at=row.at if row is not None else None,
            )
        )

    def of(self, case: str, seq: int) -> Seen:
        """Raises Refused (`not_found`)."""
        with self._store.reading() as connection:
            row = connection.execute(
                select(seen, screens.c.content)
                .join(screens, screens.c.digest == seen.c.digest)
                .where(seen.c.case == case, seen.c.seq == seq)
            ).one_or_none()
        if row is None:
            raise Refused("nothing was shown with this action", code="not_found")
        return Seen(
            screen=parse_screen(row.content, languages=()),
            facts=tuple(_line(line) for line in row.shown["facts"]),
            options={
                name: [(v, label) for v, label in pairs] for name, pairs in row.shown["options"].items()
            },
            given=row.given,
            shown_at=row.at,
        )

    def seqs(self, case: str) -> frozenset[int]:
        """Of the actions that have a screen to show again."""
        with self._store.reading() as connection:
            return frozenset(connection.scalars(select(seen.c.seq).where(seen.c.case == case)))

    def draft(
        self, case: str, screen: Screen, person: str
    ) -> tuple[Mapping[str, Sequence[str]] | None, tuple[ScreenChange, ...]]:
        """The draft as far as the screen still asks for it, and what has changed since it was saved."""
        with self._store.reading() as connection:
            row = connection.execute(
                select(drafts.c.given, drafts.c.digest, screens.c.content)
                .join_from(drafts, screens, screens.c.digest == drafts.c.digest, isouter=True)
                .where(_mine(drafts, case, screen.id, person))
            ).one_or_none()
        if row is None:
            return None, ()
        if row.content is None or row.digest == digest_of(screen):
            return row.given, ()
        before = parse_screen(row.content, languages=())
        changes = changes_between(before, screen)
        gone = {change.field for change in changes if change.kind in ("gone", "other")}
        return {name: values for name, values in row.given.items() if name not in gone}, changes

    def shown_now(
        self, case: str, screen: str, person: str
    ) -> tuple[list[FactLine], Mapping[str, Sequence[tuple[str, str]]]]:
        """Facts and choices of a screen as this person was shown it last; nothing, if never."""
        with self._store.reading() as connection:
            shown = connection.scalar(select(sights.c.shown).where(_mine(sights, case, screen, person)))
        if shown is None:
            return [], {}
        options = {name: [(v, label) for v, label in pairs] for name, pairs in shown["options"].items()}
        return [_line(line) for line in shown["facts"]], options

    def last(self, case: str, person: str) -> list[FactLine]:
        """Facts of the case as this person was shown them last, screen by screen, the newest first."""
        mine = and_(sights.c.case == case, sights.c.person == person)
        with self._store.reading() as connection:
            rows = connection.execute(select(sights.c.shown).where(mine).order_by(sights.c.at.desc())).all()
        return [_line(line) for row in rows for line in row.shown["facts"]]

    def keep(self, connection: Connection, screen: Screen) -> str:
        """The screen's digest; its content is there when it is asked for."""
        digest = digest_of(screen)
        _keep(connection, screen, digest)
        return digest


def changes_between(before: Screen, now: Screen) -> tuple[ScreenChange, ...]:
    """`new`: asked since; `gone`: asked no more; `other`: asked otherwise, so that the answer does not carry over."""
    old, new = ({field.name: field for field in one.fields()} for one in (before, now))
    found = [ScreenChange("gone", field.name, field.label) for name, field in old.items() if name not in new]
    for name, field in new.items():
        if name not in old:
            found.append(ScreenChange("new", name, field.label))
        elif _asks(old[name]) != _asks(field):
            found.append(ScreenChange("other", name, field.label))
    return tuple(found)


def _asks(field: Field) -> tuple[Any, ...]:
    """What makes an answer an answer to it; its words may be bettered."""
    return field.kind, field.concept, tuple(option.value for option in field.options), field.options_from


def digest_of(screen: Screen) -> str:
    """SHA-256 of its content, hexadecimal."""
    content = json.dumps(screen.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()


def _keep(connection: Connection, screen: Screen, digest: str) -> None:
    content = screen.model_dump(mode="json", exclude_none=True)
    row = {"digest": digest, "screen": screen.id, "version": screen.version, "content": content}
    add_row(connection, screens, row)


def _mine(table: Any, case: str, screen: str, person: str) -> Any:  # a table, an SQL condition
    return and_(table.c.case == case, table.c.screen == screen, table.c.person == person)


def _line(kept: Mapping[str, Any]) -> FactLine:
    return FactLine(**{**kept, "parts": tuple(_line(part) for part in kept.get("parts", ()))})


def _plain(line: dict[str, Any]) -> dict[str, Any]:
    """As JSON has it."""
    found: dict[str, Any] = json.loads(json.dumps(line, default=str))
    return found
