"""Whole programs: what comes before and behind the statements, and how many of them there are.

    [the address of the context is moved to r6 … r9, or spilled to the frame]
    each register that is read, or all, gets its first value: a number from the context, or a constant
    statements
    [all registers that hold a number are stored to the frame]
    exit
    functions that are called, programs that tail calls reach, the callback of exceptions

The beginning is written last, when it is known what the statements read. At the end registers are compared as well as memory.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ebpf.disassembler import disassemble
from ebpf.instruction import FRAME_POINTER
from ebpf.opcodes import lookup
from ebpf.program import DataSection, Program
from fuzz.case import Input
from fuzz.gen import arithmetic, calls, flow, helpers, leaving, lookups, loops, memory
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

_STORE_DW, _CALL_KERNEL, _LDDW_VARIABLE = row("STX_DW"), row("CALL_KERNEL"), row("LDDW_VARIABLE")
_REGISTERS = range(FRAME_POINTER)
_DATA = (DataSection(".data", bytes(64), True), DataSection(".rodata", bytes(range(1, 65)), False))
_TARGET_REPEATS = 4
"""Programs that tail calls reach run up to 33 times: their loops are shorter."""

_SPILLED = -1
_HOMES = (1, 6, 7, 8, 9, _SPILLED, _SPILLED)

Statement = Callable[[Writer], None]
Role = Literal["main", "function", "target"]


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
    """The statements that a program is made of, and the functions that it has so far.

    callbacks those of bpf_loop
    targets   the places of the programs that tail calls reach
    reaching  whether these call functions; else functions make tail calls, but not both, so that calls do not become deeper and deeper
    left      whether there is a tail call
    """

    features: Features
    functions: list[calls.Function] = field(default_factory=list)
    called: list[calls.Function] = field(default_factory=list)
    callbacks: list[calls.Function] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    reaching: bool = False
    left: bool = False

    @property
    def counting(self) -> bool:
        """Whether functions make tail calls and come back, so that the count of them goes on in their caller."""
        return bool(self.targets and self.functions) and not self.reaching

    def statements(self, nesting: int, role: Role) -> tuple[Statement | None, ...]:
        """One of these is chosen again and again until it is None, which comes first. They are repeated by their weight."""
        features = self.features
        weights: list[tuple[Statement, int]] = [
            (arithmetic.compute, 10),
            (arithmetic.constant, 1),
            (memory.load, 3),
            (memory.store, 3),
            (memory.point, 2),
            (memory.move, 1),
            (memory.far, 3),
        ]
        if features.branches and features.tier != "single":
            weights.append((flow.test, 6))
        if features.atomics:
            weights.append((memory.atomic, 3))
        if features.calls:
            weights += [(calls.call, 5), (helpers.call_with_memory, 1)]
        if features.packet and role == "main":
            weights.append((calls.packet, 4))
        if features.maps:
            weights.append((lookups.change, 2))
        if features.nesting:
            weights += [(flow.goto, 1), (flow.barrier, 1), (flow.tight_loop, 1)]
        if features.throws and features.branches and not self.functions:
            weights.append((flow.perhaps_throw, 1))
        if self.functions and (role != "target" or self.reaching):
            weights.append((self.call, 4 if (self.counting and role == "main") or features.throws else 2))
        if self.callbacks:
            weights.append((self.loop, 2))
        if self.targets and (role != "function" or not self.reaching):
            # Those that functions make are counted on behind the call.
            weights.append((self.tail_call, 1 if self.counting and role == "main" else 3 if role == "main" else 2))
        if nesting:
            inner = self.block(nesting - 1, role, 5)
            weights += [(lambda w: flow.branch(w, inner), 4), (lambda w: flow.loop(w, inner), 2), (lambda w: flow.may_goto(w, inner), 2)]
            if features.maps:
                weights.append((lambda w: lookups.look_up(w, inner), 3))
        return tuple(statement for statement, weight in weights for _ in range(weight))

    def call(self, w: Writer) -> None:
        """A statement. Where there are exceptions the function that was written last is called most often: it may call all others."""
        last = self.features.throws and w.choose.rarely(2)
        called = calls.call_function(w, self.functions[-1:] if last else self.functions)
        if called is not None:
            self.called.append(called)

    def count_on(self, w: Writer) -> None:
        """A call of a function that makes tail calls, and a tail call behind it: statements."""
        self.call(w)
        self.tail_call(w, w.choose.rarely(2))

    def loop(self, w: Writer) -> None:
        """A statement."""
        called = loops.call_loop(w, self.callbacks)
        if called is not None:
            self.called.append(called)

    def tail_call(self, w: Writer, sure: bool = False) -> None:
        """A statement."""
        self.left |= leaving.tail_call(w, w.first_map + (len(MAPS) if self.features.maps else 0), len(self.targets), sure)

    def block(self, nesting: int, role: Role, length: int) -> flow.Block:
        """What writes as many statements as it likes, `length` on average."""
        statements = self.statements(nesting, role)
        # None as often as makes the mean.
        stops = max(1, round(len(statements) / length))
        table = (*(None,) * stops, *statements * max(1, length // len(statements)))

        def write(w: Writer) -> None:
            while not w.full and (statement := w.choose.pick(table)) is not None:
                statement(w)

        return write


def _write_function(choose: Chooser, plan: _Plan, places: list[int], thrown: list[bool]) -> calls.Function:
    """A function that may call those that there are already."""
    buffer = choose.mostly(2)
    arguments = choose.number(0, 5 - buffer)
    values: list[Value] = [None] * FRAME_POINTER
    if buffer:
        values[1] = Pointer(calls.BUFFER)
    first = 1 + buffer
    values[first : first + arguments] = [Scalar()] * arguments
    w = _writer(choose, plan.features, State(values), 24, places, thrown)
    place = w.new_place()
    w.place(place)
    before = len(plan.called)
    plan.block(min(plan.features.nesting, 1), "function", 8)(w)
    if plan.features.throws and plan.features.branches:
        if choose.mostly(3):
            plan.call(w)
        if (kind := choose.number(0, 3)) == 3:
            leaving.throw(w)
        elif kind:
            flow.perhaps_throw(w)
    if plan.targets and not plan.reaching and choose.mostly(3):
        plan.tail_call(w, choose.rarely(2))
    flow.leave(w)
    depth = 1 + max((called.depth for called in plan.called[before:]), default=0)
    return calls.Function(place, arguments, buffer, w.executed, depth, w.code)


def _write_loop_callback(choose: Chooser, plan: _Plan, places: list[int]) -> calls.Function:
    """A function that bpf_loop calls, which may call bpf_loop with those that there are already."""
    buffer = choose.mostly(2)
    values: list[Value] = [None] * FRAME_POINTER
    values[1:3] = Scalar((1 << 32) - 1), Pointer(calls.BUFFER) if buffer else Scalar(0)
    quiet = _Plan(replace(plan.features, throws=False), callbacks=plan.callbacks)
    w = _writer(choose, quiet.features, State(values), 16, places, [False])
    w.callback, w.stops = True, choose.rarely(2)
    place = w.new_place()
    w.place(place)
    quiet.block(min(plan.features.nesting, 1), "function", 6)(w)
    if choose.mostly(3):
        _spoil(w)
    flow.leave(w)
    depth = 1 + max((called.depth for called in quiet.called), default=0)
    return calls.Function(place, 0, buffer, w.executed, depth, w.code, w.stops)


def _spoil(w: Writer) -> None:
    """Other numbers in some of the registers that a callback need not keep."""
    for register in range(1, 6):
        if register not in w.state.pinned and w.choose.rarely(2):
            w.load_constant(register, value(w.choose))


def _writer(choose: Chooser, features: Features, state: State, limit: int, places: list[int], thrown: list[bool]) -> Writer:
    """What writes another function than the main program."""
    return Writer(choose, features, state, _data_regions(features), places=places, first_map=len(_data(features)), limit=limit, thrown=thrown)


def _write_target(choose: Chooser, plan: _Plan, place: int, places: list[int], thrown: list[bool]) -> Code:
    """A program that tail calls reach."""
    values: list[Value] = [None] * FRAME_POINTER
    values[1] = Pointer(leaving.SHARED)
    home = choose.pick((1, 6, 7, 8, 9))
    w = _writer(choose, plan.features, State(values), 16, places, thrown)
    w.place(place)
    w.repeats = _TARGET_REPEATS
    if home > 1:
        w.emit(MOV_REG, home, 1)
        w.wrote(home, Pointer(leaving.SHARED))
        w.state.pinned = frozenset((home,))
    if choose.mostly(8):
        leaving.count(w)
    plan.block(min(plan.features.nesting, 1), "target", 6)(w)
    if choose.mostly(5):
        plan.tail_call(w, choose.rarely(2))
    flow.leave(w)
    return w.code


def _write_callback(choose: Chooser, plan: _Plan, place: int, places: list[int]) -> Code:
    """What is entered with the cookie of an exception, in the frame of the main program; it does not throw."""
    values: list[Value] = [None] * FRAME_POINTER
    values[1] = Scalar()
    quiet = _Plan(replace(plan.features, throws=False))
    w = _writer(choose, quiet.features, State(values), 16, places, [False])
    w.place(place)
    block = quiet.block(min(plan.features.nesting, 1), "function", 6)
    if plan.features.nesting and choose.mostly(3):
        flow.may_goto(w, block)
    block(w)
    flow.leave(w)
    return w.code


def _data_regions(features: Features) -> tuple[Region, ...]:
    """Data sections and variables."""
    sections = (Region(f"data{number}", 0, len(section.contents), section.writable) for number, section in enumerate(_data(features)))
    return (*sections, *(Region(f"variable{one.number}", 0, len(one.contents), False) for one in features.variables))


def _data(features: Features) -> tuple[DataSection, ...]:
    return _DATA if features.data else ()


def _home(choose: Chooser, features: Features) -> int:
    """The register in which a program keeps the address of its context, or _SPILLED."""
    if features.packet:
        return 6
    return choose.pick(_HOMES)


def _main(choose: Chooser, features: Features, home: int, places: list[int], thrown: list[bool]) -> Writer:
    context = Region("context", 0, features.context)
    values: list[Value] = [Scalar()] * FRAME_POINTER
    regions = _data_regions(features)
    if home == _SPILLED:
        regions = (*regions, context)
    else:
        values[home] = Pointer(context)
    pinned = frozenset((home,)) if home > 5 else frozenset[int]()
    frame = Region("frame", -512, SPILL if home == _SPILLED else 0)
    state = State(values, set(_REGISTERS), pinned)
    return Writer(choose, features, state, regions, frame, places=places, first_map=len(_data(features)), thrown=thrown)


def _single(w: Writer, choose: Chooser) -> None:
    """One instruction of any kind, which is what its place in the program is about."""
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
    if w.features.throws and w.choose.rarely(3):
        leaving.throw(w)
    flow.leave(w)


def _some(choose: Chooser, most: int) -> int:
    """How many there are, none rarely, unless there may be none."""
    return max(choose.number(0, most), choose.number(0, most)) if most else 0


def _use(w: Writer, plan: _Plan) -> None:
    """What the program has and has not used so far: most of the time it does now."""
    called = {function.place for function in plan.called}
    if w.features.throws and w.features.nesting and w.choose.mostly(3):
        flow.may_goto(w, arithmetic.compute)
    if plan.callbacks and called.isdisjoint(function.place for function in plan.callbacks) and w.choose.mostly(4):
        plan.loop(w)
    if plan.counting and w.choose.mostly(3):
        plan.count_on(w)
    elif plan.functions and (w.features.throws or called.isdisjoint(function.place for function in plan.functions)) and w.choose.mostly(4):
        plan.call(w)


def _program(choose: Chooser, features: Features) -> Program:
    places, thrown = [0], [False]
    if features.tier != "structured":
        features = replace(features, calls=False, maps=False, functions=0, tails=0, throws=False, callbacks=0, declared=(), variables=(), nesting=0)
    plan = _Plan(features)
    if features.tails:
        plan = _Plan(features, reaching=choose.rarely(3))
        plan.targets += range(1, choose.number(1, features.tails) + 1)
        places[0] = len(plan.targets)
    for _ in range(_some(choose, features.callbacks)):
        plan.callbacks.append(_write_loop_callback(choose, plan, places))
    for _ in range(_some(choose, features.functions)):
        function = _write_function(choose, plan, places, thrown)
        if calls.fits(function.depth):
            plan.functions.append(function)
    plan.called.clear()
    home = _home(choose, features)
    w = _main(choose, features, home, places, thrown)
    if features.tier == "single":
        neighbours = plan.block(0, "main", 1)
        neighbours(w)
        for _ in range(features.singles):
            _single(w, choose)
        neighbours(w)
    else:
        plan.block(features.nesting, "main", features.length)(w)
        _use(w, plan)
    _ending(w)
    beginning = _beginning(w, home)
    # Those that only functions could reach that are not called are there as well.
    targets = [_write_target(choose, plan, place, places, thrown) for place in plan.targets] if plan.left else []
    callback = places[0] + 1 if thrown[0] and choose.mostly(2) else 0
    places[0] += 1
    last = [_write_callback(choose, plan, callback, places)] if callback else []
    done = finish((beginning, w.code, *_reachable(plan), *targets, *last))
    arrays = (leaving.prog_array(plan.targets, done.places),) if targets else ()
    maps = (*(MAPS if features.maps else ()), *arrays)
    named = {(lookup(slot), slot.imm) for slot in done.slots}
    return Program(
        SOURCE,
        features.tier,
        done.slots,
        _data(features),
        maps=maps,
        exception_callback=done.places[callback] if callback else None,
        kernel_functions=tuple(one for one in features.declared if (_CALL_KERNEL, one.number) in named),
        variables=tuple(one for one in features.variables if (_LDDW_VARIABLE, one.number) in named),
    )


def _reachable(plan: _Plan) -> list[Code]:
    """The code of the functions that are called, and of those that they call."""
    if not plan.called:
        return []
    places = {function.place for function in plan.called}
    written = [*plan.callbacks, *plan.functions]
    for function in reversed(written):
        if function.place in places:
            places |= {line.target for line in function.code.lines if isinstance(line, Line) and line.row.name in ("CALL_LOCAL", "LDDW_CODE")}
    return [function.code for function in written if function.place in places]


def _checked(features: Features | None) -> Features:
    """The features that were given, or those that are there unless told otherwise. Hypothesis would meet others only when it draws."""
    if features is None:
        return Features()
    if not isinstance(features, Features):
        raise TypeError(f"features are {features!r}; Features are wanted, such as Features(tier='block')")
    return features


@st.composite
def _programs(draw: DrawFn, features: Features) -> Program:
    return _program(Chooser(draw), features)


def programs(features: Features | None = None) -> SearchStrategy[Program]:
    """Valid programs that terminate. Raises TypeError for what are no features."""
    return _programs(_checked(features))


@st.composite
def _cases(draw: DrawFn, features: Features, count: int) -> GeneratedCase:
    choose = Chooser(draw)
    program = _program(choose, features)
    return GeneratedCase(program, tuple(make_input(choose.number(0, (1 << 32) - 1), features.context) for _ in range(count)))


def cases(features: Features | None = None, inputs: int = INPUTS) -> SearchStrategy[GeneratedCase]:
    """Programs with so many inputs each. Raises TypeError for what are no features, and ValueError for no inputs, on which all programs agree."""
    if inputs < 1:
        raise ValueError(f"{inputs} inputs; at least 1")
    return _cases(_checked(features), inputs)
