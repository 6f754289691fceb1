"""OpenID Connect and what is checked around it: requests, tokens, claims, mandate chains, the identity card's token.

OpenID Connect Core, Discovery, RP-Initiated and Back-Channel Logout; RFC 6749, 7636 (PKCE), 7519, 8725, 9068, 9207, 9700;
claims as Estonia's TARA and GovSSO give them; mandates in Pääsuke's words; Web eID's authentication token. Pure: times,
nonces and identifiers are arguments; randomness only in `new_signing_key`. Called by `identity_provider`, and by portal and
registers that check our tokens by themselves (`parse_jwks`, `verify_token`).

clients.py         registered clients         claims.py       what tokens say       web_eid.py        the card's token
authorization.py   requests, PKCE             tokens.py       JWS, JWK              certificates.py   whom a certificate names
levels.py          acr                        mandates.py     chains of mandates    discovery.py      the provider's document
errors.py          refusals in OAuth's words         audit_scope.py    what an auditor may look at
acting.py          who acts in a case, for registers        codes.py   of people and companies        statements.py   what was said, as a hash
issuance.py        credentials for wallets (OpenID4VCI)     key_proofs.py   who has a key: wallets' proofs, DPoP
"""

from sild.openid.acting import (
    ACCESS_TOKEN,
    ACTING_TOKEN,
    CASE_ACCESS,
    RECORDED,
    TOKEN_EXCHANGE,
    ActedFor,
    ActingPerson,
    CaseAccess,
    RecordedMandate,
    acting_claims,
    parse_case_access,
    verify_acting,
    verify_applied,
    verify_word,
)
from sild.openid.audit_scope import AUDITOR, AuditScope, OutOfScope, parse_audit_scope
from sild.openid.authorization import (
    AuthorizationRequest,
    find_redirect_uri,
    parse_authorization_request,
    parse_parameters,
    parse_scope,
    verify_code_verifier,
)
from sild.openid.certificates import person_of, verify_person_certificate
from sild.openid.claims import (
    Authentication,
    Claims,
    DevicePosture,
    Person,
    Representation,
    access_token_claims,
    date_of_birth,
    id_token_claims,
    logout_token_claims,
    userinfo_claims,
)
from sild.openid.clients import SIGNING_SCOPE, Client, ClientAuthentication, SigningAlgorithm, check_client
from sild.openid.codes import COMPANY_LENGTHS, register_code
from sild.openid.discovery import discovery_document
from sild.openid.errors import OpenIDError, error_redirect, with_query
from sild.openid.issuance import (
    CredentialKind,
    TokenRequest,
    credential_offer,
    issuance_server_metadata,
    issuer_metadata,
    offer_link,
    parse_credential_request,
    parse_notification,
    parse_token_request,
)
from sild.openid.key_proofs import HolderKey, verify_dpop, verify_key_proof
from sild.openid.levels import LevelOfAssurance
from sild.openid.mandates import (
    MAX_DEPTH,
    Mandate,
    MandateBasis,
    Party,
    PartyType,
    chain_hash,
    verify_chain,
)
from sild.openid.statements import new_salt, statement_hash
from sild.openid.tokens import (
    SigningKey,
    VerificationKeys,
    load_signing_key,
    new_signing_key,
    parse_jwks,
    render_jwks,
    sign_token,
    verify_token,
)
from sild.openid.web_eid import WebEidToken, parse_web_eid_token, verify_web_eid_token

__all__ = [
    "ACCESS_TOKEN",
    "ACTING_TOKEN",
    "AUDITOR",
    "CASE_ACCESS",
    "COMPANY_LENGTHS",
    "MAX_DEPTH",
    "RECORDED",
    "SIGNING_SCOPE",
    "TOKEN_EXCHANGE",
    "ActedFor",
    "ActingPerson",
    "AuditScope",
    "Authentication",
    "AuthorizationRequest",
    "CaseAccess",
    "Claims",
    "Client",
    "ClientAuthentication",
    "CredentialKind",
    "DevicePosture",
    "HolderKey",
    "LevelOfAssurance",
    "Mandate",
    "MandateBasis",
    "OpenIDError",
    "OutOfScope",
    "Party",
    "PartyType",
    "Person",
    "RecordedMandate",
    "Representation",
    "SigningAlgorithm",
    "SigningKey",
    "TokenRequest",
    "VerificationKeys",
    "WebEidToken",
    "access_token_claims",
    "acting_claims",
    "chain_hash",
    "check_client",
    "credential_offer",
    "date_of_birth",
    "discovery_document",
    "error_redirect",
    "find_redirect_uri",
    "id_token_claims",
    "issuance_server_metadata",
    "issuer_metadata",
    "load_signing_key",
    "logout_token_claims",
    "new_salt",
    "new_signing_key",
    "offer_link",
    "parse_audit_scope",
    "parse_authorization_request",
    "parse_case_access",
    "parse_credential_request",
    "parse_jwks",
    "parse_notification",
    "parse_parameters",
    "parse_scope",
    "parse_token_request",
    "parse_web_eid_token",
    "person_of",
    "register_code",
    "render_jwks",
    "sign_token",
    "statement_hash",
    "userinfo_claims",
    "verify_acting",
    "verify_applied",
    "verify_chain",
    "verify_code_verifier",
    "verify_dpop",
    "verify_key_proof",
    "verify_person_certificate",
    "verify_token",
    "verify_web_eid_token",
    "verify_word",
    "with_query",
]
