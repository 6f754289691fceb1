"""The models that can be asked: providers by their official SDKs, a local server by URL, a local file through llama.cpp.

The SDKs are imported here and nowhere else in Sild (a test looks), and only for a provider that is configured.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sild.ai_gateway.profiles import ProviderSettings
from sild.ai_gateway.providers.model import Ended, ModelProvider, Prompt, ProviderFailed
from sild.errors import CallerError
from sild.settings import read_secret

__all__ = ["Ended", "ModelProvider", "Prompt", "ProviderFailed", "open_provider"]


def open_provider(settings: ProviderSettings, base: Path) -> ModelProvider:
    """base: where relative paths start. Raises CallerError (`missing_library`, a key that cannot be read)."""
    try:
        return _KINDS[settings.kind](settings, base)
    except ModuleNotFoundError as error:
        extra = "local-model" if settings.kind == "llama" else "ai"
        raise CallerError(
            f"provider {settings.name} needs {error.name}: install sild[{extra}]", code="missing_library"
        ) from error


def _openai(settings: ProviderSettings, base: Path) -> ModelProvider:
    from sild.ai_gateway.providers.openai_api import OpenAIProvider

    return OpenAIProvider(settings, _key(settings, base))


def _anthropic(settings: ProviderSettings, base: Path) -> ModelProvider:
    from sild.ai_gateway.providers.anthropic_api import AnthropicProvider

    return AnthropicProvider(settings, _key(settings, base))


def _llama(settings: ProviderSettings, base: Path) -> ModelProvider:
    from sild.ai_gateway.providers.llama import LlamaProvider

    return LlamaProvider(settings, base / settings.model)


def _key(settings: ProviderSettings, base: Path) -> str:
    if settings.api_key is None and settings.api_key_file is None and settings.place == "local":
        return "none"  # most local servers ask for none; the SDK wants a word
    return read_secret(settings.api_key, settings.api_key_file and base / settings.api_key_file)


_KINDS: dict[str, Callable[[ProviderSettings, Path], ModelProvider]] = {
    "openai": _openai,
    "local": _openai,
    "anthropic": _anthropic,
    "llama": _llama,
}
