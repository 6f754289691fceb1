"""The discovery document (OpenID Connect Discovery 3, RFC 8414, RFC 9207 for `iss` in the response)."""

from __future__ import annotations

from sild.openid.acting import CASE_ACCESS, TOKEN_EXCHANGE
from sild.openid.clients import OFFERED_SCOPES

__all__ = ["discovery_document"]


def discovery_document(issuer: str, languages: tuple[str, ...]) -> dict[str, object]:
    """issuer: without a slash at the end."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "end_session_endpoint": f"{issuer}/logout",
        "introspection_endpoint": f"{issuer}/introspect",
        "revocation_endpoint": f"{issuer}/revoke",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", TOKEN_EXCHANGE],
        "authorization_details_types_supported": [CASE_ACCESS],
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt", "none"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256", "PS256"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
        "scopes_supported": list(OFFERED_SCOPES),
        "acr_values_supported": ["low", "substantial", "high"],
        "amr_values_supported": ["idcard", "passkey", "tls", "test"],
        "claims_supported": [
            "sub", "acr", "amr", "auth_time", "sid", "nonce", "at_hash", "profile_attributes", "roles",
            "device_posture", "device_id", "representee", "representee_list", "test_person",
        ],
        "ui_locales_supported": list(languages),
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    }  # fmt: skip
