"""Hosts that are slow on purpose: one account's validations do not hold up another's."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from acme_world import RawClient, acme_authority, problem


class Slow(dict[str, bytes | tuple[int, str]]):
    """Answers that are not known are waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.now = self.most = 0
        self._lock = threading.Lock()

    def get(self, path: str, default: object = None) -> object:  # type: ignore[override]
        if path in self:
            return self[path]
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.go_on.wait(8)
        with self._lock:
            self.now -= 1
        return default


def challenges(client: RawClient, orders: int) -> list[str]:
    found = []
    for _ in range(orders):
        for url in client.order().json()["authorizations"]:
            (challenge,) = client.post(url, None).json()["challenges"]
            found.append(challenge["url"])
    return found


def test_one_account_has_a_share(tmp_path: Path) -> None:
    with acme_authority(tmp_path) as authority:
        greedy, other = authority.account(), authority.account()
        urls = challenges(greedy, 24)
        slow = authority.challenges.answers = Slow()
        bodies = [(url, greedy.sign(url.removeprefix(authority.url), {})) for url in urls]
        with ThreadPoolExecutor(len(bodies)) as threads:
            asked = [
                threads.submit(greedy.send, url.removeprefix(authority.url), body) for url, body in bodies
            ]
            try:
                while sum(each.done() for each in asked) < 4:  # those that are refused
                    time.sleep(0.01)
                other.prove(other.order().json())  # while those wait
                assert not slow.go_on.is_set()
                assert 0 < slow.most <= 4
            finally:
                slow.go_on.set()
            answers = [each.result() for each in asked]
        statuses = Counter(answer.status for answer in answers)
        assert statuses == {200: 20, 429: 4}
        refused = next(answer for answer in answers if answer.status == 429)
        assert problem(refused) == "rateLimited" and refused.headers["Retry-After"] == "10"
        # what was refused is decided by nobody: it may be asked again
        later = next(url for url, answer in zip(urls, answers, strict=True) if answer.status == 429)
        assert greedy.post(later, None).json()["status"] == "pending"
