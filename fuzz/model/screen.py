"""The screen (`fuzz.native_screen`) around the model: many inputs of one image in one native call.

The loop comes back for each call of a function, and goes on with the same input when that has been served.
"""

from numba import njit

from fuzz import native_record as record
from fuzz import native_screen as native
from fuzz.abi import REGISTERS, SP
from fuzz.model import engine
from fuzz.model.bits import plus, word
from fuzz.model.source import SOURCE


@njit(cache=True)
def _enter(memory, image, state, registers):  # type: ignore[no-untyped-def]
    """The registers at entry; a 32-bit CPU has words."""
    for number in range(REGISTERS):
        value = memory[native.ENTRY_REGISTERS + number]
        if number == SP:
            value = plus(value, image[native.TOP])
        registers[number] = value if state[engine.CPU_64] else word(value)


def _compiled(source: int):  # type: ignore[no-untyped-def]
    """The native function; see `fuzz.model.source`."""

    @njit(cache=True)
    def screen(  # type: ignore[no-untyped-def]
        first, resumed, expectations, memories, fills, image, host, data, found,
        state, code, owners, places, registers, exits, contents, areas, breaks, counts, edges, known, operands, accesses, boundaries,
    ):  # fmt: skip
        """Run inputs from the first one on, and say in `found` what is wrong with each; returns the number of one that calls, or how many there are.

        `resumed` is whether the first one goes on behind a call. `exits` has a place before the registers that says whether there was an exit.
        """
        _ = source
        for number in range(first, len(expectations)):
            expected, memory = native.words_at(expectations[number]), native.words_at(memories[number])
            if resumed and number == first:
                start = registers[31]
            else:
                record.begin_another(data)
                native.fill(memory, host)
                state[engine.EXECUTED : engine.STATE] = 0
                state[engine.LIMIT], state[engine.NOISE] = image[native.LIMIT], fills[number]
                _enter(memory, image, state, registers)
                start = state[engine.BASE]
            status = engine.run(
                start,
                state,
                code,
                owners,
                places,
                registers,
                exits[1:],
                contents,
                areas,
                breaks,
                counts,
                edges,
                known,
                operands,
                accesses,
                boundaries,
            )
            if status == engine.CALLED:
                return number
            exits[0] = state[engine.EXITED]
            found[number] = native.holds(expected, memory, image, data, host, registers, exits) if status == engine.RETURNED else native.ENDING
        return len(expectations)

    return screen


screen = _compiled(SOURCE)
