"""The screen on the model: many inputs of an image in one native call, and of each what may not be as it must be (`fuzz.recording.native_screen`)."""

from fuzz.abi import RA, REGISTERS, SP
from fuzz.environment.native_routines import serve
from fuzz.model import engine
from fuzz.model.bits import Numbers, choose, word
from fuzz.model.bits import native as both
from fuzz.model.interference import HANGS, VIOLATED, begin, play
from fuzz.model.memory import AREA_ROW, PLACE, SIZE, START, WRITABLE
from fuzz.recording import native_record as record
from fuzz.recording import native_screen as native
from fuzz.recording.compiling import njit
from fuzz.recording.source import SOURCE


@both
def _enter(state: Numbers, memory: Numbers, image: Numbers) -> None:
    """Registers at the entry, and the rest of the state of a run."""
    for number in range(REGISTERS):
        value = memory[native.ENTRY_REGISTERS + number]
        state[engine.GENERAL + number] = choose(state[engine.CPU_64] != 0, value, word(value))
    state[engine.GENERAL + SP] += image[native.TOP]
    state[engine.EXECUTED], state[engine.LINK], state[engine.NEXT_BREAK] = 0, 0, 0
    state[engine.LEFT] = 0
    state[engine.STOPPED_BEFORE], state[engine.DISTURBED] = engine.NOT_STOPPED, memory[native.INTERFERENCE]
    state[engine.LIMIT], state[engine.NOISE] = memory[native.LIMIT], memory[native.FILL]


@both
def _map(state: Numbers, memory: Numbers, image_place: int) -> None:
    """The areas of memory that there are: those of the input, and the image, which cannot be written."""
    count = memory[native.SEGMENT_COUNT]
    state[engine.AREAS] = count + 1
    for number in range(count):
        row, area = memory[native.SEGMENTS_AT] + native.SEGMENT_ROW * number, engine.AREA + AREA_ROW * number
        state[area + START], state[area + SIZE] = memory[row + native.ADDRESS], 8 * memory[row + native.LENGTH]
        state[area + PLACE], state[area + WRITABLE] = memory[row + native.PLACE], 1
    area = engine.AREA + AREA_ROW * count
    state[area + START], state[area + SIZE] = state[engine.BASE], 4 * state[engine.WORDS]
    state[area + PLACE], state[area + WRITABLE] = image_place, 0


def _compiled(source: int):  # type: ignore[no-untyped-def]
    """The native function; see `fuzz.recording.source`."""

    @njit(error_model="numpy")
    def run_all(number, resumed, expectations, memories, image, checks, state, code, places, image_place, data, breaks, host, found, played):  # type: ignore[no-untyped-def]
        """Run an image on inputs from `number` on; those after it begin at the beginning.

        Returns the number of the input that waits at a function or where it stopped, to be called again with it, or how many there are when all have
        been run. Other CPUs are `played` here, unless there is more at which it stops. As long as an input waits `found` holds how many calls have
        been served in it. After one that does not end the others are not run, and said to be wrong as well.
        """
        _ = source
        while number < len(expectations):
            memory = native.words_at(memories[number])
            start = state[engine.GENERAL + RA]
            if not resumed:
                found[number] = 0
                record.begin_another(data)
                native.fill(memory, host)
                _map(state, memory, image_place)
                _enter(state, memory, image)
                begin(played.memos, played.run)
                start = state[engine.BASE]
            resumed = False
            status = engine.run(start, state, code, places, data, breaks)
            if status == engine.CALLED:
                cpu = state[engine.CPU_64], state[engine.BIG_ENDIAN], state[engine.WIDTH]
                if serve(state[engine.DETAIL], found[number] + 1, state[engine.GENERAL :], memory, places, *cpu):
                    found[number] += 1
                    resumed = True
                    continue
            if status == engine.STOPPED and len(played.first) > 0:
                play(state[engine.STOPPED_BEFORE], memory[native.INTERFERENCE], state, places, image_place, played)
                if played.run[HANGS] == 0:
                    resumed = True
                    continue
            elif status == engine.CALLED or status == engine.STOPPED:
                return number
            found[number] = native.ENDING
            if status == engine.LIMITED:
                # What ends on no input would take long: the others are looked at one by one.
                for other in range(number, len(found)):
                    found[other] = native.ENDING
            if status == engine.RETURNED:
                left, after = state[engine.LEFT :], state[engine.GENERAL :]
                found[number] = native.holds(native.words_at(expectations[number]), memory, image, checks, data, host, after, left)
            if played.run[VIOLATED]:
                found[number] |= native.CALLS
            number = choose(status == engine.LIMITED, len(expectations), number + 1)
        return number

    return run_all


run_all = _compiled(SOURCE)
"""Compiled on its first call, and cached."""
