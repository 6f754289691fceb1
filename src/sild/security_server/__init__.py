"""The security server: information systems on one side, other security servers on the other (docs/security_server.md)."""
