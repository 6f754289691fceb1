"""Sild: a digital state in one package. The house is described in docs/house.md."""

__version__ = "0.1.0"
