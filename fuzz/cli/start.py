"""Where the process begins: `bpfmips` and `python -m fuzz`.

`git bisect run bpfmips replay FINDING` takes each status from 1 to 127 but 125 for a bad commit. At a commit whose modules cannot be imported, or
whose compiler raises, nothing was judged; so `replay` says 125 there, and has 1 for FAIL alone.
"""

import sys

_REPLAY = "replay"
_CANNOT_JUDGE = 125
_UNUSABLE = 2


def start() -> None:
    """Run the command line, and end the process."""
    if sys.argv[1:2] != [_REPLAY]:
        _run()
        return
    try:
        _run()
    except SystemExit as end:
        sys.exit(_CANNOT_JUDGE if end.code == _UNUSABLE else end.code)
    except Exception as error:
        print(f"bpfmips: replay: {type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(_CANNOT_JUDGE)


def _run() -> None:
    from fuzz.cli.main import main

    main(prog_name="bpfmips")
