"""Nobody else reaches a model, in the code: who imports what speaks to one, who names an address of one, who can be told one.

On the network: test_only_road_on_the_network.py.
"""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

import sild.cases
from sild.errors import PeerError
from sild.gateway_client import GatewayClient
from sild.portal.settings import PortalSettings
from sild.processes.portal import PortalProcessSettings
from sild.processes.registry import RegistrySettings
from sild.settings import Settings
from support.ai_providers import foreign

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "sild"
SDKS = {
    "openai",
    "anthropic",
    "llama_cpp",
    "httpx2",
    "litellm",
    "any_llm",
    "pydantic_ai",
    "langchain",
    "transformers",
    "google",
    "mistralai",
    "cohere",
    "groq",
    "ollama",
}
PLACES = re.compile(
    r"\b(openai|anthropic|claude|mistral|cohere|groq|deepseek|together|openrouter|perplexity|x)\.(com|ai)\b"
    r"|openai\.azure\.com|generativelanguage\.googleapis|aiplatform\.googleapis|bedrock[\w.-]*\.amazonaws|huggingface\.co"
)
KEYS = re.compile(r"\b(OPENAI|ANTHROPIC|AZURE_OPENAI|MISTRAL|GEMINI|GOOGLE)_(API_KEY|BASE_URL|ENDPOINT)\b")


@pytest.fixture(scope="module")
def modules() -> dict[Path, ast.Module]:
    return {file: ast.parse(file.read_text()) for file in SOURCE.rglob("*.py")}


def imported(tree: ast.AST) -> set[str]:
    """Top packages a module imports, by statement or by name in import_module, __import__, find_spec."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in ("import_module", "__import__", "find_spec"):
                found.add(str(node.args[0].value).partition(".")[0])
    return found


def rooms_of(files: set[Path]) -> set[str]:
    return {file.relative_to(SOURCE).parts[0] for file in files}


def test_the_gateway_alone_imports_what_speaks_to_models(modules: dict[Path, ast.Module]) -> None:
    assert rooms_of({file for file, tree in modules.items() if imported(tree) & SDKS}) == {"ai_gateway"}


def test_nobody_names_a_provider_nor_takes_its_key_from_the_environment() -> None:
    """In no file of the package, code or not: a provider's address stands in the gateway's settings alone."""
    texts = {
        file: file.read_bytes().decode(errors="ignore")
        for file in SOURCE.rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }
    named = {file for file, text in texts.items() if PLACES.search(text) or KEYS.search(text)}
    assert rooms_of(named) <= {"ai_gateway"}


def test_the_gateway_is_opened_by_its_process_and_by_the_nation(modules: dict[Path, ast.Module]) -> None:
    """All others meet it on the wire. A country in one process has it in that process: docs/ai_gateway.md."""
    users = {
        file
        for file, tree in modules.items()
        if any(
            isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sild.ai_gateway")
            for node in ast.walk(tree)
        )
    }
    assert rooms_of(users) == {"ai_gateway", "nation", "processes"}
    assert {file.name for file in users if file.parts[-2] == "processes"} == {"ai_gateway.py"}


def test_nobody_leaves_the_network_it_was_started_in(modules: dict[Path, ast.Module]) -> None:
    """But rules, which leave it for an empty one: what a process starts is where the process is."""
    ways = re.compile(r"\b(unshare|setns|nsenter|netns)\b")
    assert rooms_of({file for file in modules if ways.search(file.read_text())}) == {"rule_engine"}


def test_who_needs_no_model_installs_nothing_that_speaks_to_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {"": project["dependencies"], **project["optional-dependencies"]}
    names = {
        extra: {re.split(r"[^\w-]", each)[0].replace("-", "_") for each in packages}
        for extra, packages in asked.items()
    }
    speaks = {extra for extra, packages in names.items() if packages & (SDKS | {"llama_cpp_python"})}
    assert speaks == {"ai", "local-model"}


def test_within_the_gateway_the_providers_alone_do() -> None:
    users = {
        file.relative_to(SOURCE / "ai_gateway").parts[0]
        for file in (SOURCE / "ai_gateway").rglob("*.py")
        if imported(ast.parse(file.read_text())) & SDKS
    }
    assert users == {"providers"}


def test_the_contract_sees_what_it_must() -> None:
    sly = "import importlib\nimportlib.import_module('openai.types')\n"
    assert "openai" in imported(ast.parse(sly))
    assert "anthropic" in imported(ast.parse("def f():\n    from anthropic import Anthropic\n"))
    for address in ("https://eu.api.openai.com/v1", "api.anthropic.com", "x.openai.azure.com", "api.x.ai"):
        assert PLACES.search(address)
    assert not PLACES.search("https://portal.example.com")
    assert KEYS.search("os.environ['OPENAI_BASE_URL']")


# Settings: where registers, portal and cases can be told to go

ADDRESS = re.compile(
    r"(^|_)(url|urls|uri|uris|address|host|issuer|endpoint|server|contact|database|origin|proxy|base)$"
)
OF_MODELS = re.compile(r"(^|_)(models?|llm|openai|anthropic|completions?|prompts?|api_key)(_|$)")


def leaves(annotation: Any) -> list[Any]:  # a type as typing has it
    return [leaf for each in get_args(annotation) for leaf in leaves(each)] or [annotation]


def names(kind: type[Settings], before: str = "") -> set[str]:
    """All settings of a kind, those of its tables behind a dot."""
    found = set()
    for name, field in kind.model_fields.items():
        tables = [
            leaf for leaf in leaves(field.annotation) if isinstance(leaf, type) and issubclass(leaf, Settings)
        ]
        found |= {f"{before}{name}"} if not tables else set()
        found |= {each for table in tables for each in names(table, f"{before}{name}.")}
    return found


def addresses(kind: type[Settings]) -> set[str]:
    return {name for name in names(kind) if ADDRESS.search(name.rpartition(".")[2])}


def test_a_register_can_be_told_no_address_of_a_model() -> None:
    assert addresses(RegistrySettings) == {
        "database",
        "url",  # its own, in its description
        "listen.host",
        "ward.listen.host",
        "ward.url",  # its own
        "ward.issuer",  # where midwives log in and sign
        "security_server",  # X-Road
        "seal.url",  # certification
        "time_stamps.urls",  # RFC 3161
        "credential_issuer",  # its own papers'
        "identity.issuer",
        "identity.jwks_url",  # public keys
        "events_url",  # NATS
    }


def test_the_portal_can_be_told_the_gateways_alone() -> None:
    assert addresses(PortalSettings) == {
        "database",
        "url",  # its own
        "issuer",  # of the identity provider
        "push_contact",  # its own, for push services
        "assistant_gateway_url",
    }


def test_the_portals_process_can_be_told_no_more_than_its_parts() -> None:
    """Its cases: none; what is decided in them: what a register that decides can be told."""
    own = addresses(PortalProcessSettings) - addresses(PortalSettings)
    assert own == {
        "listen.host",
        "events_listen.host",
        "health_listen.host",
        "security_server",  # X-Road
        "cases.database",
        "decisions.listen.host",
        "decisions.url",  # its own, in its description
        "decisions.security_server",  # X-Road
        "decisions.seal.url",  # certification
        "time_stamps.urls",  # RFC 3161
    }


def test_cases_can_be_told_nothing() -> None:
    """They are a part of the portal's process, whose settings for them name no address but their database's."""
    room = Path(sild.cases.__path__[0])
    assert [file for file in room.rglob("*.py") if re.search(r"\bSettings\b", file.read_text())] == []


def test_no_settings_but_the_gateways_speak_of_models(modules: dict[Path, ast.Module]) -> None:
    speaking = {
        file
        for file, tree in modules.items()
        for kind in ast.walk(tree)
        if isinstance(kind, ast.ClassDef) and any("Settings" in ast.unparse(base) for base in kind.bases)
        for field in kind.body
        if isinstance(field, ast.AnnAssign) and OF_MODELS.search(ast.unparse(field.target))
    }
    assert rooms_of(speaking) == {"ai_gateway"}


def test_the_gateways_client_speaks_to_no_provider() -> None:
    """Whoever writes a provider's address for the gateway's: what goes out is no question of a provider's, its answer is not taken."""
    with foreign("openai") as provider:
        with pytest.raises(PeerError):
            GatewayClient(provider.url.removesuffix("/v1"), "key").complete("explain", {"passage": "Law."})
        ((_path, _headers, body),) = provider.requests
    assert "messages" not in body
