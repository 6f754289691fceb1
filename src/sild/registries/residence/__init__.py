"""Divisions, addresses, dwellings with their owners, and who lives where since when. See `sild.registries`."""
