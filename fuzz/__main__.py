"""`python -m fuzz` is `bpfmips`."""

from fuzz.cli.main import main

main(prog_name="bpfmips")
