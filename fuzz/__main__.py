"""`python -m fuzz` is `bpfmips`."""

from fuzz.cli import main

main(prog_name="bpfmips")
