"""The population register (see `sild.registries`)."""
