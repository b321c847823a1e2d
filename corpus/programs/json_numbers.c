/* A scanner for JSON (RFC 8259): objects, arrays, strings without control characters, integers, true, false, null; white space. Integers are
 * summed, nesting is checked with a stack of one bit a level. The context is 16 bytes and the text. r0 is the sum of all integers (s64) of a
 * well-formed text; else 2^63 plus the place in the text where it went wrong. The first 16 bytes become, in native byte order: u32 integers,
 * u32 strings, u32 literals, u32 deepest level, as far as they were counted. */
#include "program.h"

#define DEEPEST 64

struct counts {
    u32 integers, strings, literals, depth;
};

/* Where the text goes on after a literal, or 0. */
SUBPROGRAM u64 skip_literal(const u8 *text, u64 at, u64 length) {
    static const char literals[3][8] = {"true", "false", "null"};
    for (u32 number = 0; number < 3; number++) {
        u64 place = 0;
        while (literals[number][place] && at + place < length && text[at + place] == (u8)literals[number][place])
            place++;
        if (!literals[number][place])
            return at + place;
    }
    return 0;
}

/* Where the text goes on after the string that begins at `at`, or 0. */
SUBPROGRAM u64 skip_string(const u8 *text, u64 at, u64 length) {
    while (++at < length) {
        u8 character = text[at];
        if (character == '"')
            return at + 1;
        if (character < ' ')
            return 0;
        if (character == '\\')
            at++;
    }
    return 0;
}

u64 entry(void *memory, u64 size) {
    if (size < 16)
        return 1ull << 63;
    struct counts counts = {0};
    const u8 *text = (const u8 *)memory + 16;
    u64 length = size - 16, at = 0, objects = 0, sum = 0;
    u32 depth = 0;
    /* What may come: a value, a name (in an object), the end of the container, a comma. */
    enum { VALUE = 1, NAME = 2, CLOSE = 4, COMMA = 8 } expected = VALUE;
    for (; at < length; ) {
        u8 character = text[at];
        if (character == ' ' || character == '\n' || character == '\t' || character == '\r') {
            at++;
            continue;
        }
        u32 container_end = depth && objects & 1 ? '}' : ']';
        if (character == '"') {
            u64 next = expected & (VALUE | NAME) ? skip_string(text, at, length) : 0;
            if (!next)
                break;
            counts.strings++;
            if (expected & NAME) {
                while (next < length && text[next] == ' ')
                    next++;
                if (next == length || text[next] != ':')
                    break;
                next++;
                expected = VALUE;
            } else {
                expected = COMMA | CLOSE;
            }
            at = next;
        } else if (character == '{' || character == '[') {
            if (!(expected & VALUE) || depth == DEEPEST)
                break;
            objects = objects << 1 | (character == '{');
            depth++;
            if (depth > counts.depth)
                counts.depth = depth;
            expected = character == '{' ? NAME | CLOSE : VALUE | CLOSE;
            at++;
        } else if (depth && character == container_end) {
            if (!(expected & CLOSE))
                break;
            objects >>= 1;
            depth--;
            expected = COMMA | CLOSE;
            at++;
        } else if (depth && character == ',') {
            if (!(expected & COMMA))
                break;
            expected = objects & 1 ? NAME : VALUE;
            at++;
        } else if (!(expected & VALUE)) {
            break;
        } else if (character == '-' || (character >= '0' && character <= '9')) {
            u64 digits = at + (character == '-'), next = digits, number = 0;
            while (next < length && text[next] >= '0' && text[next] <= '9')
                number = number * 10 + (text[next++] - '0');
            if (next == digits || (text[digits] == '0' && next > digits + 1))
                break;
            sum += character == '-' ? -number : number;
            counts.integers++;
            expected = COMMA | CLOSE;
            at = next;
        } else {
            u64 next = skip_literal(text, at, length);
            if (!next)
                break;
            counts.literals++;
            expected = COMMA | CLOSE;
            at = next;
        }
    }
    *(struct counts *)memory = counts;
    if (at < length || depth || !(expected & COMMA))
        return 1ull << 63 | at;
    return sum;
}
