"""Trampolines: a traced function of any signature, calls of it, and programs attached to it that look at some of what they are given.

    text = a description in TOML, as `bpfmips trampoline` judges it and `ebpf.trampoline` reads it

Programs mix five words of their context, the return value among them where it may be there, so that each is seen by a call that is compared.
"""

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ebpf.trampoline import MAXIMUM_ARGUMENTS, SIZES
from fuzz.gen.choose import Chooser
from fuzz.gen.values import immediate, value

_KINDS = ("u64", "s32", "u32", "s64", *(kind for kind in SIZES if kind not in ("u64", "s32", "u32", "s64")))
# Functions with an error code can be modified, and come more often.
_RESULTS = (*("s32", "s64") * 5, "void", "u64", "u32", *(kind for kind in SIZES if kind not in ("s32", "s64", "u64", "u32")))
_MOST = 2
"""Programs of each kind."""


def _program(choose: Chooser, words: int, result: str) -> str:
    """In assembly: words of the context from -2 to `words` - 1 go into the mix; the last line gives the result."""
    reads = [f"    r{register} = *(u64 *)(r6 {8 * choose.number(-2, words - 1):+})" for register in range(1, 6)]
    return "\n".join(("    r6 = r1", *reads, "    call kernel 1", f"    {result}", "    exit"))


def _result(choose: Chooser, kind: str, words: int) -> str:
    """What a program does for its result: fmod_ret programs mostly let the function run."""
    how = choose.number(0, 3)
    if kind == "fmod_ret" and how < 2:
        return "r0 = 0"
    if how == 3 and words:
        return f"r0 = *(u64 *)(r6 + {8 * choose.number(0, words - 1)})"
    return f"r0 = {immediate(choose)}"


def _attached(choose: Chooser, kind: str, arguments: int) -> str:
    words = arguments + (kind != "fentry")
    program = _program(choose, words, _result(choose, kind, words))
    cookie = f"cookie = {value(choose)}\n" if choose.rarely(2) else ""
    return f"[[{kind}]]\n{cookie}program = '''\n{program}\n'''\n"


def _calls(choose: Chooser, arguments: Sequence[str]) -> str:
    calls = ([[value(choose) for _ in arguments], value(choose)] for _ in range(choose.number(1, 3)))
    return f"calls = [{', '.join(map(str, calls))}]"


def _count(choose: Chooser, kind: str) -> int:
    """How many programs of this kind; of those that may keep the function from being called mostly one at least."""
    count = choose.number(0, _MOST)
    return max(count, choose.number(0, _MOST)) if kind == "fmod_ret" else count


@st.composite
def _trampolines(draw: DrawFn) -> str:
    choose = Chooser(draw)
    arguments = [choose.pick(_KINDS) for _ in range(choose.number(0, MAXIMUM_ARGUMENTS))]
    result = choose.pick(_RESULTS)
    replaces = choose.rarely(8)
    kinds = ["fentry"] if replaces else ["fentry", "fexit", *(["fmod_ret"] if result in ("s32", "s64") else [])]
    programs = [kind for kind in kinds for _ in range(_count(choose, kind))] or ["fentry"]
    skipped = [number for number in range(len(programs)) if choose.rarely(6)]
    head = [f'function = "{result} ({", ".join(arguments)})"', _calls(choose, arguments)]
    head += ["replaces = true"] if replaces else []
    head += [f"skipped = {skipped}"] if skipped else []
    return "\n".join((*head, "", *(_attached(choose, kind, len(arguments)) for kind in programs)))


def trampolines() -> SearchStrategy[str]:
    """Descriptions of trampolines."""
    return _trampolines()
