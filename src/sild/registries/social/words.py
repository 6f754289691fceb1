"""Whose word a choice needs, who said it, and where each receives: money of a parent goes to the account that parent gave.

A choice holds once everybody has named it who receives by it, or would lose by it what the first choice gives them: that is what the
law gives when parents agree on nothing. So whoever chooses to receive alone what is theirs anyway asks nobody; whoever would move
money to the other parent, or take it from them, waits for that parent's word. Nothing is taken for a word: silence moves no money.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from sild.registries.kernel import Use
from sild.registries.social.tables import accounts, words

__all__ = ["Word", "account_of", "accounts_of", "give_account", "needed", "receivers", "say", "words_of"]


@dataclass(frozen=True, slots=True)
class Word:
    """A parent's: which choice they named, of which version of the offer, by which message."""

    person: str
    choice: str
    version: int
    at: datetime
    message_id: str


def receivers(choice: Mapping[str, Any]) -> set[str]:
    return {item["person"] for item in choice["items"]}


def needed(
    choices: Sequence[Mapping[str, Any]], choice: Mapping[str, Any], parties: Sequence[str]
) -> list[str]:
    """Of the parties those without whose word the choice does not hold. Pure."""
    return [
        person
        for person in parties
        if person in receivers(choice) or any(item not in choice["items"] for item in _of(choices[0], person))
    ]


def _of(choice: Mapping[str, Any], person: str) -> list[Mapping[str, Any]]:
    return [item for item in choice["items"] if item["person"] == person]


def words_of(connection: Connection, offer: str, version: int) -> tuple[Word, ...]:
    """Of this version of the offer, the earliest first."""
    mine = select(words).where(words.c.offer == offer, words.c.version == version)
    rows = connection.execute(mine.order_by(words.c.at, words.c.person))
    return tuple(Word(row.person, row.choice, row.version, row.at, row.message_id) for row in rows)


def say(use: Use, offer: str, word: Word) -> None:
    """In the place of what this parent named before."""
    use.connection.execute(delete(words).where(words.c.offer == offer, words.c.person == word.person))
    use.connection.execute(insert(words).values(offer=offer, **asdict(word)))


def accounts_of(connection: Connection, offer: str) -> dict[str, str]:
    """By who gave it."""
    rows = connection.execute(select(accounts).where(accounts.c.offer == offer))
    return {row.person: row.account for row in rows}


def account_of(connection: Connection, offer: str, person: str) -> str | None:
    return accounts_of(connection, offer).get(person)


def give_account(use: Use, offer: str, person: str, account: str) -> None:
    """The person's own, in the place of the one before."""
    mine = (accounts.c.offer == offer) & (accounts.c.person == person)
    use.connection.execute(delete(accounts).where(mine))
    use.connection.execute(
        insert(accounts).values(
            offer=offer, person=person, account=account, at=use.at, message_id=use.usage.message_id
        )
    )
