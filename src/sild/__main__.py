"""`python -m sild`: the same as the command `sild`."""

from sild.cli import main

main()
