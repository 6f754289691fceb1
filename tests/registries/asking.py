"""Asking a register over HTTP as a security server does: with who asks, who acts, in which case, on which ground."""

from __future__ import annotations

from itertools import count
from typing import Any

from support.acting import DESK, LogIn, proved
from support.asgi import Answer, Site
from support.words import words_of

CLIENT = "SILD/GOV/70000001/portal"
OFFICIAL = "EE38001085718"
_numbers = count(1)


class Asker:
    """Each question is a message of its own, unless `id` says which."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def headers(
        self, *, user: str = OFFICIAL, id: str | None = None, login: LogIn | None = DESK, **more: str
    ) -> dict[str, str]:
        """login: by which the identity provider vouches for the user; None: it does not."""
        said = {
            "X_Road_Client": CLIENT,
            "X_Road_Id": id or f"m-{next(_numbers)}",
            "X_Road_UserId": user,
            "X_Road_Issue": "case-7",
            "Sild_Legal_Basis": "RRS 5",
            **more,
        }
        if login is None:
            return {**said, "Sild_Acting": ""}
        if login == DESK:  # as everybody is vouched for
            return said
        dashed = {name.replace("_", "-"): value for name, value in said.items()}
        return {name.replace("-", "_"): value for name, value in proved(dashed, login).items()}

    def get(self, path: str, **said: Any) -> Answer:
        return self.site.get(path, **self.headers(**said))

    def post(self, path: str, body: object, **said: Any) -> Answer:
        """A move that names nobody's words is sent with everybody's it takes."""
        headers = self.headers(**said)
        if path == "/moves" and isinstance(body, dict) and "words" not in body:
            body = {**body, "words": words_of(body, case=headers["X_Road_Issue"])}
        return self.site.post(path, body, **headers)

    def value(self, path: str, **said: Any) -> Any:
        answer = self.get(path, **said)
        assert answer.status == 200, answer.text
        return answer.json()

    def done(self, path: str, body: object, status: int = 201, **said: Any) -> Any:
        answer = self.post(path, body, **said)
        assert answer.status == status, answer.text
        return answer.json()


def refused(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """The problem, which is of this status and code."""
    assert answer.status == status, answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["type"].rpartition(":")[2] == code, problem
    return problem


def defects(problem: dict[str, Any]) -> list[str]:
    return [error["code"] for error in problem["errors"]]
