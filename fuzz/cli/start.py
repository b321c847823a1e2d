"""Where the process begins and ends: `bpfmips` and `python -m fuzz`.

`git bisect run bpfmips replay FINDING` takes each status from 1 to 127 but 125 for a bad commit. At a commit whose modules cannot be imported, or
whose compiler raises, nothing was judged; so `replay` says 125 there, and has 1 for FAIL alone.
"""

import atexit
import os
import sys
from typing import NoReturn

_REPLAY = "replay"
_CANNOT_JUDGE = 125
_UNUSABLE = 2


def start() -> None:
    """Run the command line, and end the process."""
    if sys.argv[1:2] != [_REPLAY]:
        _run()
        return
    try:
        _run(cannot_judge=_UNUSABLE)
    except Exception as error:
        message = " ".join(str(error).split())
        print(f"bpfmips: replay: {type(error).__name__}{': ' + message if message else ''}", file=sys.stderr)
        sys.exit(_CANNOT_JUDGE)


def _run(cannot_judge: int | None = None) -> None:
    """A status `cannot_judge` becomes `_CANNOT_JUDGE`."""
    from fuzz.cli.main import main

    try:
        main(prog_name="bpfmips")
    except SystemExit as end:
        status = _CANNOT_JUDGE if cannot_judge is not None and end.code == cannot_judge else end.code
        if status is None or isinstance(status, int):
            _end(status or 0)
        raise


def _end(status: int) -> NoReturn:
    """End the process without taking everything apart that there is in it, which takes 0.1 s where native code was compiled or loaded."""
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    except OSError:
        # Python itself says what is wrong with them.
        sys.exit(status)
    atexit._run_exitfuncs()
    os._exit(status)
