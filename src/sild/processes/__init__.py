"""Mains: each reads its settings, wires clock, database and keys, and serves. Nothing else does."""
