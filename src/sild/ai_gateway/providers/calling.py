"""How providers' SDKs are called: a client that goes to one address, and their errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import httpx2

from sild.ai_gateway.providers.model import ProviderFailed

__all__ = ["Sdk", "failures_told", "http_client"]

_CONNECT_SECONDS = 5.0


def http_client(seconds: float) -> httpx2.AsyncClient:
    """Goes to the configured address and nowhere else: no proxies from the environment, no redirects."""
    timeout = httpx2.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds))
    return httpx2.AsyncClient(timeout=timeout, trust_env=False, follow_redirects=False)


class Sdk(NamedTuple):
    """The errors of an SDK. They are told apart in this order; `any` is what the others are."""

    timeout: type[Exception]
    status: type[Exception]
    connection: type[Exception]
    any: type[Exception]


@contextmanager
def failures_told(name: str, sdk: Sdk) -> Iterator[None]:
    """Raises ProviderFailed for whatever the provider does instead of answering. name: the provider's, for the message."""
    try:
        yield
    except sdk.status as error:
        raise _status_failure(name, error.status_code, error.response) from error  # type: ignore[attr-defined]
    except (sdk.timeout, httpx2.TimeoutException) as error:
        raise ProviderFailed(f"{name} was too slow", why="timeout") from error
    except sdk.connection as error:
        raise ProviderFailed(f"{name} cannot be reached", why="down") from error
    except httpx2.HTTPError as error:
        raise ProviderFailed(f"{name} stopped in the middle", why="cut_off") from error
    except (sdk.any, ValueError, AttributeError, TypeError) as error:
        raise ProviderFailed(f"{name} answered what is no answer", why="nonsense") from error


def _status_failure(name: str, status: int, response: httpx2.Response) -> ProviderFailed:
    """What a status of a provider means. Its text is not shown: it may repeat the prompt."""
    if status in (408, 409, 429) or status >= 500:
        try:
            after = float(response.headers.get("retry-after", ""))
        except ValueError:
            after = None
        return ProviderFailed(f"{name} cannot answer now ({status})", why="overloaded", retry_after=after)
    return ProviderFailed(f"{name} refused the call ({status})", why="refused")
