"""`python -m fuzz` is `bpfmips`."""

from fuzz.cli.start import start

start()
