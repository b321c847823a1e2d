/* A calculator in reverse Polish notation that gives up by an exception. The context holds 8 bytes, at the end the number of operations that were done, and then
 * the expression: digits push a number, `+`, `-`, `*` and `/` take two and push one. What is wrong is found two and three functions down. r0 is the
 * result; or what the exception callback makes of the cookie, which is the position of the fault and its kind. */
#include "helpers.h"

enum { UNDERFLOW = 1, OVERFLOW, DIVISION, UNKNOWN, REST };

extern void bpf_throw(u64 cookie) __attribute__((section(".ksyms")));

struct machine {
    u64 at, depth;
    u64 stack[8];
};

SUBPROGRAM void give_up(struct machine *machine, u64 kind) { bpf_throw(machine->at << 32 | kind); }

SUBPROGRAM u64 pop(struct machine *machine) {
    if (machine->depth == 0)
        give_up(machine, UNDERFLOW);
    machine->depth--;
    return machine->stack[machine->depth & 7];
}

SUBPROGRAM void push(struct machine *machine, u64 value) {
    if (machine->depth == 8)
        give_up(machine, OVERFLOW);
    machine->stack[machine->depth & 7] = value;
    machine->depth++;
}

SUBPROGRAM void operate(struct machine *machine, u64 operation) {
    u64 right = pop(machine), left = pop(machine);
    if (operation == '+')
        push(machine, left + right);
    else if (operation == '-')
        push(machine, left - right);
    else if (operation == '*')
        push(machine, left * right);
    else if (operation == '/' && right != 0)
        push(machine, left / right);
    else
        give_up(machine, operation == '/' ? DIVISION : UNKNOWN);
}

static __attribute__((used, noinline)) u64 caught(u64 cookie) { return ~cookie; }

__attribute__((btf_decl_tag("exception_callback:caught"))) u64 entry(void *memory, u64 length) {
    u64 *done = memory;
    const u8 *text = memory;
    struct machine machine = {.depth = 0};
    if (length < sizeof *done)
        return 0;
    *done = 0;
    for (machine.at = sizeof *done; machine.at < length; machine.at++) {
        u64 byte = text[machine.at];
        if (byte >= '0' && byte <= '9')
            push(&machine, byte - '0');
        else
            operate(&machine, byte);
        ++*done;
    }
    u64 result = pop(&machine);
    if (machine.depth != 0)
        give_up(&machine, REST);
    return result;
}
