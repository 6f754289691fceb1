"""The words of X-Road's fault codes, in both spellings (WIRE 5.1).

A code is a dot-joined path: origin, stages, cause. X-Road 7.8 writes the words in snake_case
(`server.serverproxy.access_denied`), 7.7 and older and the protocol documents in CamelCase
(`Server.ServerProxy.AccessDenied`). Inside Sild a word is always snake_case; the other spelling exists only here.

"""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["CODES", "ORIGINS", "Code", "Spelling", "respell"]


class Spelling(Enum):
    SNAKE_CASE = "snake_case"
    """X-Road 7.8 and later."""
    CAMEL_CASE = "CamelCase"
    """X-Road 7.7 and older."""


class Code(NamedTuple):
    snake_case: str
    camel_case: str
    meaning: str


_GENERIC = (
    Code("io_error", "IOError", "Reading or writing failed."),
    Code("network_error", "NetworkError", "The other side cannot be reached."),
    Code("internal_error", "InternalError", "Something nobody foresaw; the log has the details."),
    Code("bad_request", "BadRequest", "The request cannot be read."),
    Code("not_found", "NotFound", "The thing asked for does not exist."),
    Code("http_error", "HttpError", "The other side answered with an HTTP error status."),
    Code("unknown_host", "UnknownHost", "A host name cannot be resolved."),
    Code("database_error", "DatabaseError", "The database refused."),
    Code("invalid_request", "InvalidRequest", "The request is not what this address serves."),
)
_VERIFICATION = (
    Code("cannot_create_signature", "CannotCreateSignature", "No signature could be made."),
    Code("cert_validation", "CertValidation", "A certificate is revoked or its status unknown."),
    Code(
        "incorrect_validation_info", "IncorrectValidationInfo", "An OCSP response is missing, stale or wrong."
    ),
    Code(
        "cannot_create_cert_path",
        "CannotCreateCertPath",
        "No path from the certificate to a trusted authority.",
    ),
    Code(
        "incorrect_certificate", "IncorrectCertificate", "A certificate is unreadable or belongs to another."
    ),
    Code("invalid_signature_value", "InvalidSignatureValue", "The signature does not cover these bytes."),
    Code("malformed_signature", "MalformedSignature", "The signature is not one X-Road makes."),
    Code("invalid_xml", "InvalidXml", "XML that does not parse or fit its schema."),
    Code("invalid_reference", "InvalidReference", "A reference points at nothing."),
    Code("invalid_cert_path", "InvalidCertPath", "Stage: checking a certificate path."),
    Code("signature_verification", "SignatureVerification", "Stage: verifying a signature."),
    Code("invalid_hash_chain", "InvalidHashChain", "A hash chain computes to another result."),
    Code("malformed_hash_chain", "MalformedHashChain", "A hash chain does not parse or fit its schema."),
    Code(
        "hashchain_unused_inputs", "HashChainUnusedInputs", "A hash chain leaves out a part of the message."
    ),
    Code("invalid_hash_chain_ref", "InvalidHashChainRef", "A hash chain has another digest for a part."),
)
_MESSAGE = (
    Code(
        "ssl_authentication_failed", "SslAuthenticationFailed", "TLS: the other side is not who it must be."
    ),
    Code("logging_failed", "LoggingFailed", "The message could not be logged, so it was not handed over."),
    Code("timestamping_failed", "TimestampingFailed", "Time-stamping has failed for longer than allowed."),
    Code(
        "no_timestamping_provider_found",
        "NoTimestampingProviderFound",
        "No time-stamping authority has been chosen.",
    ),
    Code("invalid_content_type", "InvalidContentType", "A part or message of another type was expected."),
    Code("invalid_soap_action", "InvalidSoapAction", "SOAPAction is not a quoted URI."),
    Code("invalid_http_method", "InvalidHttpMethod", "Another HTTP method was expected."),
    Code("invalid_message", "InvalidMessage", "The message breaks the protocol."),
    Code(
        "invalid_security_server", "InvalidSecurityServer", "The named security server does not serve this."
    ),
    Code("mime_parsing_failed", "MimeParsingFailed", "A multipart message does not parse."),
    Code("missing_header", "MissingHeader", "The SOAP message has no Header."),
    Code("missing_header_field", "MissingHeaderField", "A required SOAP header is missing."),
    Code("duplicate_header_field", "DuplicateHeaderField", "A SOAP header stands twice."),
    Code("missing_body", "MissingBody", "The SOAP message has no Body."),
    Code("invalid_body", "InvalidBody", "The SOAP Body does not hold exactly one element."),
    Code("inconsistent_headers", "InconsistentHeaders", "The SOAP Body is not of the service in the header."),
    Code("inconsistent_response", "InconsistentResponse", "The answer is not the answer to this request."),
    Code("missing_soap", "MissingSoap", "No SOAP part was received."),
    Code("invalid_soap", "InvalidSoap", "Not a SOAP message."),
    Code("missing_rest", "MissingRest", "No REST part was received."),
    Code("access_denied", "AccessDenied", "The client has no right to this service."),
    Code("service_disabled", "ServiceDisabled", "The service is switched off, with a notice."),
    Code("service_failed", "ServiceFailed", "Stage: reading from the peer or the service."),
    Code("missing_signature", "MissingSignature", "No signature part was received."),
    Code("unknown_service", "UnknownService", "The provider has no such service."),
    Code("invalid_protocol_version", "InvalidProtocolVersion", "Not a version of the protocol spoken here."),
    Code(
        "invalid_client_identifier", "InvalidClientIdentifier", "The service client is missing or unreadable."
    ),
    Code("service_type", "ServiceType", "A SOAP service was called as REST, or the other way."),
    Code(
        "client_proxy_version_not_supported",
        "ClientProxyVersionNotSupported",
        "The client's security server is too old for this one.",
    ),
)
_ASIC = (
    Code("asic_mime_type_not_found", "AsicMimeTypeNotFound", "Container: no mimetype entry, or no ZIP."),
    Code("asic_signature_not_found", "AsicSignatureNotFound", "Container: no META-INF/signatures.xml."),
    Code("asic_message_not_found", "AsicMessageNotFound", "Container: no message.xml."),
    Code("asic_invalid_mime_type", "AsicInvalidMimeType", "Container: not of the ASiC-E type."),
    Code(
        "asic_hash_chain_result_not_found", "AsicHashChainResultNotFound", "Container: chain without result."
    ),
    Code("asic_hash_chain_not_found", "AsicHashChainNotFound", "Container: chain result without chain."),
    Code("asic_timestamp_not_found", "AsicTimestampNotFound", "Container: no time-stamp."),
    Code("asic_manifest_not_found", "AsicManifestNotFound", "Container: an empty manifest."),
)
_CONFIGURATION = (
    Code("unknown_member", "UnknownMember", "No such member or subsystem is registered here."),
    Code("malformed_server_conf", "MalformedServerConf", "The server's own configuration is unusable."),
    Code("malformed_global_conf", "MalformedGlobalConf", "The global configuration is unusable."),
    Code("malformed_optional_parts_conf", "MalformedOptionalPartsConf", "A configuration part is unusable."),
    Code("global_conf_outdated", "OutdatedGlobalConf", "The global configuration has expired."),
    Code("service_missing_url", "ServiceMissingUrl", "The service has no address."),
    Code("service_malformed_url", "ServiceMalformedUrl", "The service's address is no URL."),
    Code("hsm_non_operational", "HSMNonOperational", "The hardware token does not work."),
    Code("maintenance_mode", "MaintenanceMode", "Every server of the provider is under maintenance."),
    Code("malformed_anchor", "MalformedAnchor", "The configuration anchor is unreadable."),
    Code("anchor_file_not_found", "AnchorFileNotFound", "There is no configuration anchor."),
)
_KEYS = (
    Code("key_not_found", "KeyNotFound", "No such key."),
    Code("cert_not_found", "CertNotFound", "No such certificate."),
    Code("csr_not_found", "CsrNotFound", "No such certificate request."),
    Code("token_not_found", "TokenNotFound", "No such token."),
    Code("token_not_active", "TokenNotActive", "Nobody has logged in to the token."),
    Code("token_not_initialized", "TokenNotInitialized", "The token is not initialised."),
    Code("token_not_available", "TokenNotAvailable", "The token cannot be reached."),
    Code("token_readonly", "TokenReadOnly", "The token cannot be written to."),
    Code("cannot_sign", "CannotSign", "The token cannot sign."),
    Code(
        "unsupported_sign_algorithm", "UnsupportedSignAlgorithm", "The key does not sign with this algorithm."
    ),
    Code("failed_to_generate_private_key", "FailedToGeneratePrivateKey", "No key could be generated."),
    Code("cert_exists", "CertExists", "The certificate is here already."),
    Code("wrong_cert_usage", "WrongCertUsage", "A certificate of the other kind was expected."),
    Code("login_failed", "LoginFailed", "Logging in to the token failed."),
    Code("logout_failed", "LogoutFailed", "Logging out of the token failed."),
    Code("pin_incorrect", "PinIncorrect", "The PIN is wrong."),
    Code("cert_import_failed", "CertImportFailed", "The certificate could not be imported."),
    Code("token_pin_policy_failure", "TokenPinPolicyFailure", "The PIN is too weak."),
    Code("timestamp_validation", "TimestampValidation", "A time-stamp is not one of an approved authority."),
    Code("timestamper_failed", "TimestamperFailed", "The time-stamping authority gave no token."),
)
ORIGINS = (
    Code("client", "Client", "Origin: bad input from the information system."),
    Code("server", "Server", "Origin: a security server."),
    Code("clientproxy", "ClientProxy", "Origin: the service client's security server."),
    Code("serverproxy", "ServerProxy", "Origin: the service provider's security server."),
    Code("opmonitor", "OpMonitor", "Origin: operational monitoring."),
    Code("signer", "Signer", "Origin: the keeper of keys."),
)

CODES: MappingProxyType[str, Code] = MappingProxyType(
    {
        code.snake_case: code
        for code in (*_GENERIC, *_VERIFICATION, *_MESSAGE, *_ASIC, *_CONFIGURATION, *_KEYS)
    }
)
"""Cause and stage words by their snake_case form."""

_WORDS = (*CODES.values(), *ORIGINS)
_RESPELLED = {
    Spelling.SNAKE_CASE: {code.camel_case: code.snake_case for code in _WORDS},
    Spelling.CAMEL_CASE: {code.snake_case: code.camel_case for code in _WORDS},
}


def respell(code: str, spelling: Spelling) -> str:
    """Write a whole code path in `spelling`. Words that are not X-Road's stay as they are."""
    words = _RESPELLED[spelling]
    return ".".join([words.get(word, word) for word in code.split(".")])
