"""Which commit broke it: `git bisect run` with `bpfmips replay`, in a working tree of its own, and then the first MIPS word that is another one.

    FINDING, good, bad ─ git bisect run replay ─► first bad commit ─ images of its parent and of itself ─► first bad word

The finding is copied aside first, because commits before it do not have its file, and replay of each commit judges it with the compiler of that
commit. Python keeps nothing of what it compiles in that tree (`-B`): it would take it for that of the next commit where a file has the same size and
was written in the same second.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from ebpf.program import ProgramError
from fuzz.findings.finding import read
from fuzz.findings.processes import run
from fuzz.findings.triage import JUDGE, ROOT, commit, git, working_tree

_FIRST_BAD = re.compile(r"^([0-9a-f]{40}) is the first bad commit", re.MULTILINE)
_IMAGE = """
import json, sys
from fuzz.case import Case
from fuzz.findings.finding import read
from fuzz.layout import LAYOUTS, place
from jit.compiler import compile_program
from jit.config import Config
from jit.mips import decode, text
finding = read(sys.argv[1])
config = Config.parse(finding.config)
if finding.trampoline:
    from ebpf.trampoline import parse
    from fuzz.trampoline.judge import build
    compiled = build(parse(finding.trampoline, "the trampoline"), config, LAYOUTS[config.width]).image
    owners = [-2] * len(compiled.words)
else:
    placement = place(Case(finding.program, finding.inputs[0]), config)
    compiled = compile_program(placement.slots, config, placement.addresses)
    owners = compiled.slot_of
lines = []
for at, word in enumerate(compiled.words):
    decoded = decode(word, config.isa)
    address = compiled.base + 4 * at
    lines.append([owners[at], f"{address:#x}  {word:08x}  {text(*decoded, address, config.width) if decoded else '?'}"])
json.dump(lines, sys.stdout)
"""
"""Run with the compiler of a commit: the eBPF instruction and the text of each word of the image of the finding."""

_PATIENCE = 120.0
"""Seconds for an image."""

TRAMPOLINE = -2
"""In the place of the eBPF instruction of a word of a trampoline and its programs."""


class Culprit(NamedTuple):
    """What came of a bisection: the commit, its first line, how many commits were tried, the first word that differs, and its eBPF instruction.

    before, after  the word with address and text; empty where no word differs, or an image is missing
    slot           -1 for entry or exit code, TRAMPOLINE for a trampoline; None where all words are the same, or an image is missing
    without        why there is no image before or since, one line for each; empty where there are both
    """

    commit: str
    subject: str
    tried: int
    before: str
    after: str
    slot: int | None
    without: tuple[str, ...] = ()


def bisect(finding: Path, good: str, bad: str, repository: Path = ROOT) -> Culprit:
    """Find the commit. Raises ProgramError, one line, when the revisions are none, or do not differ in what they make of the finding."""
    read(str(finding))
    commit(good, repository)
    with working_tree(bad, repository) as tree:
        copy = tree.parent / "finding.toml"
        shutil.copy(finding, copy)
        command = [sys.executable, "-B", "-c", JUDGE, str(copy)]
        for revision, expected in ((good, 0), (bad, 1)):
            git("checkout", "--quiet", "--detach", revision, where=tree)
            status = run(command, tree).returncode
            if status != expected:
                what = {0: "passes", 1: "fails"}.get(status, "cannot be judged")
                raise ProgramError(f"{finding}: {what} at {revision}, which is to be the {'bad' if expected else 'good'} one")
        git("bisect", "start", bad, good, where=tree)
        try:
            said = git("bisect", "run", *command, where=tree)
        finally:
            git("bisect", "reset", where=tree)
        if (found := _FIRST_BAD.search(said)) is None:
            raise ProgramError("git bisect: no single commit: those that are left cannot be judged")
        culprit = found[1]
        images = [_image(tree, revision, copy) for revision in (f"{culprit}^", culprit)]
        subject = git("log", "-1", "--format=%s", culprit, where=tree)
        return Culprit(culprit, subject, said.count("running "), *words_of(*images))


Words = list[tuple[int, str]]
"""Of an image the eBPF instruction and the text of each word."""


def words_of(before: Words | str, after: Words | str) -> tuple[str, str, int | None, tuple[str, ...]]:
    """What a culprit has of two images, each of which may be the reason why there is none."""
    if isinstance(before, str) or isinstance(after, str):
        return "", "", None, tuple(image for image in (before, after) if isinstance(image, str))
    return *_first_word(before, after), ()


def _image(tree: Path, revision: str, finding: Path) -> Words | str:
    """The words, or why there are none, in one line."""
    git("checkout", "--quiet", "--detach", revision, where=tree)
    command = [sys.executable, "-B", "-c", _IMAGE, str(finding)]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    try:
        found = run(command, tree, environment, _PATIENCE)
    except subprocess.TimeoutExpired:
        reason = f"it took more than {_PATIENCE:g} s"
    else:
        # A compiler that raises SystemExit leaves status 0, and no words.
        if found.returncode == 0 and found.stdout:
            return [(slot, text) for slot, text in json.loads(found.stdout)]
        reason = (found.stderr.strip() or _ending(found.returncode)).splitlines()[-1]
    name = f"{git('rev-parse', '--short=12', 'HEAD', where=tree)}{' (its parent)' if revision.endswith('^') else ''}"
    return f"cannot be compiled at {name}: {reason}"


def _ending(status: int) -> str:
    return f"Python died: {signal.strsignal(-status)}" if status < 0 else f"Python ended with status {status}"


def _first_word(before: Words, after: Words) -> tuple[str, str, int | None]:
    for at in range(max(len(before), len(after))):
        old, new = (image[at] if at < len(image) else (None, "no word") for image in (before, after))
        if old[1] != new[1]:
            return old[1], new[1], new[0] if new[0] is not None else old[0]
    return "", "", None
