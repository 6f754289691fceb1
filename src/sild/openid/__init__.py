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
    "DevicePosture",
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
    "VerificationKeys",
    "WebEidToken",
    "access_token_claims",
    "acting_claims",
    "chain_hash",
    "check_client",
    "date_of_birth",
    "discovery_document",
    "error_redirect",
    "find_redirect_uri",
    "id_token_claims",
    "load_signing_key",
    "logout_token_claims",
    "new_salt",
    "new_signing_key",
    "parse_audit_scope",
    "parse_authorization_request",
    "parse_case_access",
    "parse_jwks",
    "parse_parameters",
    "parse_scope",
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
    "verify_person_certificate",
    "verify_token",
    "verify_web_eid_token",
    "verify_word",
    "with_query",
]
