"""A whole country composed from the rooms: for the demo, the tests of other people's systems and the benchmarks."""
