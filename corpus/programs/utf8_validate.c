/* A state machine: strict UTF-8 (Unicode Standard, table 3-7) by a transition table in .rodata. r0 is the number of code points in the
 * context, or ~place of the first byte that begins no well-formed sequence. */
#include "program.h"

enum state { START, ONE, TWO, THREE, AFTER_E0, AFTER_ED, AFTER_F0, AFTER_F4, STATES, BAD = STATES };
enum class { ASCII, TAIL_80, TAIL_90, TAIL_A0, LEAD_2, LEAD_E0, LEAD_3, LEAD_ED, LEAD_F0, LEAD_4, LEAD_F4, NEVER, CLASSES };

static const u8 next[STATES][CLASSES] = {
    /* ASCII  80-8f  90-9f  a0-bf  c2-df e0        e1-ef ed        f0        f1-f3  f4        never */
    {START,   BAD,   BAD,   BAD,   ONE,  AFTER_E0, TWO,  AFTER_ED, AFTER_F0, THREE, AFTER_F4, BAD},
    {BAD,     START, START, START, BAD,  BAD,      BAD,  BAD,      BAD,      BAD,   BAD,      BAD},
    {BAD,     ONE,   ONE,   ONE,   BAD,  BAD,      BAD,  BAD,      BAD,      BAD,   BAD,      BAD},
    {BAD,     TWO,   TWO,   TWO,   BAD,  BAD,      BAD,  BAD,      BAD,      BAD,   BAD,      BAD},
    {BAD,     BAD,   BAD,   ONE,   BAD,  BAD,      BAD,  BAD,      BAD,      BAD,   BAD,      BAD},
    {BAD,     ONE,   ONE,   BAD,   BAD,  BAD,      BAD,  BAD,      BAD,      BAD,   BAD,      BAD},
    {BAD,     BAD,   TWO,   TWO,   BAD,  BAD,      BAD,  BAD,      BAD,      BAD,   BAD,      BAD},
    {BAD,     TWO,   BAD,   BAD,   BAD,  BAD,      BAD,  BAD,      BAD,      BAD,   BAD,      BAD},
};

SUBPROGRAM u32 class_of(u8 byte) {
    if (byte < 0x80)
        return ASCII;
    if (byte < 0xc0)
        return byte < 0x90 ? TAIL_80 : byte < 0xa0 ? TAIL_90 : TAIL_A0;
    if (byte < 0xe0)
        return byte < 0xc2 ? NEVER : LEAD_2;
    if (byte < 0xf0)
        return byte == 0xe0 ? LEAD_E0 : byte == 0xed ? LEAD_ED : LEAD_3;
    return byte == 0xf0 ? LEAD_F0 : byte < 0xf4 ? LEAD_4 : byte == 0xf4 ? LEAD_F4 : NEVER;
}

u64 entry(void *memory, u64 length) {
    const u8 *bytes = memory;
    u64 count = 0, start = 0;
    u32 state = START;
    for (u64 at = 0; at < length; at++) {
        if (state == START)
            start = at;
        state = next[state][class_of(bytes[at])];
        if (state == BAD)
            return ~start;
        count += state == START;
    }
    return state == START ? count : ~start;
}
