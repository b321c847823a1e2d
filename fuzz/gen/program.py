"""Whole programs: what comes before and behind the statements, and how many of them there are.

    [the address of the context is moved to r6 … r9, or spilled to the frame]
    each register that is read, or all, gets its first value: a number from the context, or a constant
    statements
    [all registers that hold a number are stored to the frame]
    exit
    functions that are called

The beginning is written last, when it is known what the statements read. At the end registers are compared as well as memory.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ebpf.disassembler import disassemble
from ebpf.instruction import FRAME_POINTER
from ebpf.program import DataSection, Program
from fuzz.case import Input
from fuzz.gen import arithmetic, calls, flow, lookups, memory
from fuzz.gen.choose import Chooser
from fuzz.gen.code import Code, Line, finish, row
from fuzz.gen.features import Features
from fuzz.gen.inputs import INPUTS, make_input
from fuzz.gen.lookups import MAPS
from fuzz.gen.rows import ARITHMETIC, ATOMICS, BRANCHES, LOADS, STORES
from fuzz.gen.state import Pointer, Region, Scalar, State, Value
from fuzz.gen.values import value
from fuzz.gen.writer import LDDW, LOAD_DW, MOV_REG, SPILL, Writer

SOURCE = "<generated>"

_STORE_DW = row("STX_DW")
_REGISTERS = range(FRAME_POINTER)
_DATA = (DataSection(".data", bytes(64), True), DataSection(".rodata", bytes(range(1, 65)), False))
_SPILLED = -1
_HOMES = (1, 6, 7, 8, 9, _SPILLED, _SPILLED)

Statement = Callable[[Writer], None]


@dataclass(frozen=True, slots=True, repr=False)
class GeneratedCase:
    """A program and the inputs that it is to be judged on. Hypothesis prints it as assembly."""

    program: Program
    inputs: tuple[Input, ...]

    def __repr__(self) -> str:
        text = "; ".join(line for line in disassemble(self.program.slots) if line)
        return f"<{text}, with {len(self.inputs)} inputs>"


@dataclass(slots=True)
class _Plan:
    """The statements that a program is made of, and the functions that it has so far."""

    features: Features
    functions: list[calls.Function] = field(default_factory=list)
    called: list[calls.Function] = field(default_factory=list)

    def statements(self, nesting: int, main: bool) -> tuple[Statement | None, ...]:
        """One of these is chosen again and again until it is None, which comes first. They are repeated by their weight."""
        features = self.features
        weights: list[tuple[Statement, int]] = [
            (arithmetic.compute, 10),
            (arithmetic.constant, 1),
            (memory.load, 3),
            (memory.store, 3),
            (memory.point, 2),
            (memory.move, 1),
        ]
        if features.atomics:
            weights.append((memory.atomic, 3))
        if features.calls:
            weights.append((calls.call, 2))
        if features.packet and main:
            weights.append((calls.packet, 1))
        if features.maps:
            weights.append((lookups.change, 2))
        if features.nesting:
            weights += [(flow.goto, 1), (flow.barrier, 1)]
        if self.functions:
            weights.append((self._call, 2))
        if nesting:
            inner = self.block(nesting - 1, main, 5)
            weights += [(lambda w: flow.branch(w, inner), 4), (lambda w: flow.loop(w, inner), 2), (lambda w: flow.may_goto(w, inner), 1)]
            if features.maps:
                weights.append((lambda w: lookups.look_up(w, inner), 3))
        return tuple(statement for statement, weight in weights for _ in range(weight))

    def _call(self, w: Writer) -> None:
        called = calls.call_function(w, self.functions)
        if called is not None:
            self.called.append(called)

    def block(self, nesting: int, main: bool, length: int) -> flow.Block:
        """What writes as many statements as it likes, `length` on average."""
        statements = self.statements(nesting, main)
        # None as often as makes the mean.
        stops = max(1, round(len(statements) / length))
        table = (*(None,) * stops, *statements * max(1, length // len(statements)))

        def write(w: Writer) -> None:
            while not w.full and (statement := w.choose.pick(table)) is not None:
                statement(w)

        return write


def _write_function(choose: Chooser, plan: _Plan, places: list[int]) -> calls.Function:
    """A function that may call those that there are already."""
    buffer = choose.mostly(2)
    arguments = choose.number(0, 5 - buffer)
    values: list[Value] = [None] * FRAME_POINTER
    if buffer:
        values[1] = Pointer(calls.BUFFER)
    first = 1 + buffer
    values[first : first + arguments] = [Scalar()] * arguments
    w = Writer(choose, plan.features, State(values), _data_regions(plan.features), places=places, first_map=len(_data(plan.features)), limit=24)
    place = w.new_place()
    w.place(place)
    before = len(plan.called)
    plan.block(min(plan.features.nesting, 1), False, 8)(w)
    flow.leave(w)
    depth = 1 + max((called.depth for called in plan.called[before:]), default=0)
    return calls.Function(place, arguments, buffer, w.executed, depth, w.code)


def _data_regions(features: Features) -> tuple[Region, ...]:
    return tuple(Region(f"data{number}", 0, len(section.contents), section.writable) for number, section in enumerate(_data(features)))


def _data(features: Features) -> tuple[DataSection, ...]:
    return _DATA if features.data else ()


def _home(choose: Chooser, features: Features) -> int:
    """The register in which a program keeps the address of its context, or _SPILLED."""
    if features.packet:
        return 6
    return choose.pick(_HOMES)


def _main(choose: Chooser, features: Features, home: int, places: list[int]) -> Writer:
    context = Region("context", 0, features.context)
    values: list[Value] = [Scalar()] * FRAME_POINTER
    regions = _data_regions(features)
    if home == _SPILLED:
        regions = (*regions, context)
    else:
        values[home] = Pointer(context)
    pinned = frozenset((home,)) if home > 5 else frozenset[int]()
    frame = Region("frame", -512, SPILL if home == _SPILLED else 0)
    return Writer(choose, features, State(values, set(_REGISTERS), pinned), regions, frame, places=places, first_map=len(_data(features)))


def _single(w: Writer, choose: Chooser) -> None:
    """One instruction of any kind, which is what the program is about."""
    chosen = choose.pick((*ARITHMETIC, *LOADS, *STORES, *ATOMICS, *BRANCHES))
    if chosen in ARITHMETIC:
        arithmetic.operate(w, chosen)
    elif chosen in LOADS:
        memory.read(w, chosen)
    elif chosen in STORES:
        memory.write(w, chosen)
    elif chosen in ATOMICS:
        memory.update(w, chosen)
    else:
        flow.branch_on(w, arithmetic.compute, chosen)


def _beginning(w: Writer, home: int) -> Code:
    """What gives registers their first values."""
    code = Code()
    everything = w.choose.mostly(8)
    if home == _SPILLED and w.unspilled:
        code.emit(_STORE_DW, FRAME_POINTER, 1, SPILL)
    elif home > 1 and home in w.needed:
        code.emit(MOV_REG, home, 1)
    # r1 comes last, because it is the address of the context until then.
    for register in (0, *range(2, 10), 1):
        if register == home or not (everything or register in w.needed):
            continue
        if register == 2 and not everything and w.choose.mostly(2):
            continue
        if w.choose.rarely(w.features.constants):
            code.emit(LDDW, register, imm=value(w.choose))
        else:
            code.emit(LOAD_DW, register, 1, 8 * register)
    return code


def _ending(w: Writer) -> None:
    if w.choose.rarely(3):
        for number, register in enumerate(w.state.scalars()):
            w.emit(_STORE_DW, FRAME_POINTER, register, SPILL * (number + 2))
    flow.leave(w)


def _program(choose: Chooser, features: Features) -> Program:
    plan = _Plan(features)
    places = [0]
    for _ in range(choose.number(0, features.functions) if features.functions else 0):
        function = _write_function(choose, plan, places)
        if calls.fits(function.depth):
            plan.functions.append(function)
    plan.called.clear()
    home = _home(choose, features)
    w = _main(choose, features, home, places)
    if features.tier == "single":
        neighbours = plan.block(0, True, 1)
        neighbours(w)
        _single(w, choose)
        neighbours(w)
    else:
        plan.block(features.nesting, True, features.length)(w)
    _ending(w)
    beginning = _beginning(w, home)
    return Program(SOURCE, features.tier, finish((beginning, w.code, *_reachable(plan))), _data(features), maps=MAPS if features.maps else ())


def _reachable(plan: _Plan) -> list[Code]:
    """The code of the functions that are called, and of those that they call."""
    if not plan.called:
        return []
    places = {function.place for function in plan.called}
    for function in reversed(plan.functions):
        if function.place in places:
            places |= {line.target for line in function.code.lines if isinstance(line, Line) and line.row.name in ("CALL_LOCAL", "LDDW_CODE")}
    return [function.code for function in plan.functions if function.place in places]


@st.composite
def _programs(draw: DrawFn, features: Features) -> Program:
    return _program(Chooser(draw), features)


def programs(features: Features | None = None) -> SearchStrategy[Program]:
    """Valid programs that terminate."""
    return _programs(features or Features())


@st.composite
def _cases(draw: DrawFn, features: Features, count: int) -> GeneratedCase:
    choose = Chooser(draw)
    program = _program(choose, features)
    return GeneratedCase(program, tuple(make_input(choose.number(0, (1 << 32) - 1), features.context) for _ in range(count)))


def cases(features: Features | None = None, inputs: int = INPUTS) -> SearchStrategy[GeneratedCase]:
    """Programs with so many inputs each."""
    return _cases(features or Features(), inputs)
