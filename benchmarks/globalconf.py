"""Reading, indexing and asking a global configuration of 10, 1,000 and 10,000 members.

    python benchmarks/globalconf.py [--json]

Each member has three subsystems, every tenth a security server. Milliseconds for what is done once per change of the
configuration, microseconds for what every exchange asks; the best of several runs. The questions should cost the same at
any size.
"""

from __future__ import annotations

import argparse
import json
import sys
import timeit
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from sild.xroad.globalconf import (
    GlobalConf,
    SharedParameters,
    parse_shared_parameters,
    render_shared_parameters,
)
from sild.xroad.identifiers import ClientId, GlobalGroupId
from support.shared_parameters import INSTANCE, large_parameters, member_id

AT = datetime(2026, 3, 1, tzinfo=UTC)


def best(operation: Callable[[], object], number: int, repeat: int = 5) -> float:
    """Seconds per operation."""
    return min(timeit.repeat(operation, number=number, repeat=repeat)) / number


def snapshot(parameters: SharedParameters) -> GlobalConf:
    return GlobalConf(INSTANCE, {INSTANCE: (parameters, AT + timedelta(hours=1))})


def measure(members: int) -> dict[str, float]:
    parameters = large_parameters(members)
    xml = render_shared_parameters(parameters)
    globalconf = snapshot(parameters)
    client = ClientId(*member_id(members - 1).parts, "sub1")
    server = globalconf.servers_of(client, AT)[0]
    group = GlobalGroupId(INSTANCE, "all")
    once: dict[str, Callable[[], object]] = {
        "render": lambda: render_shared_parameters(parameters),
        "parse_and_validate": lambda: parse_shared_parameters(xml, version=6),
        "index": lambda: snapshot(parameters),
    }
    always: dict[str, Callable[[], object]] = {
        "is_known_client": lambda: globalconf.is_known_client(client, AT),
        "servers_of": lambda: globalconf.servers_of(client, AT),
        "is_server_client": lambda: globalconf.is_server_client(server.id, client, AT),
        "server_of_auth_certificate": lambda: globalconf.server_of_auth_certificate(bytes(1200), AT),
        "in_global_group": lambda: globalconf.in_global_group(group, client.member, AT),
    }
    result = {"members": float(members), "megabytes": round(len(xml) / 1e6, 2)}
    result |= {f"{name}_ms": round(best(call, 1, 3) * 1e3, 2) for name, call in once.items()}
    result |= {f"{name}_us": round(best(call, 2000) * 1e6, 2) for name, call in always.items()}
    return result


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--json", action="store_true")
    results = [measure(members) for members in (10, 1_000, 10_000)]
    if arguments.parse_args().json:
        json.dump(results, sys.stdout, indent=2)
        return
    for name in results[0]:
        print(f"{name:32}", *(f"{result[name]:>12g}" for result in results))


if __name__ == "__main__":
    main()
