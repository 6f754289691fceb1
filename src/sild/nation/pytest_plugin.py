"""The pytest plugin: the fixture `nation`."""
