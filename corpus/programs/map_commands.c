/* An interpreter for commands on maps of four kinds. The context is a list of commands of 16 bytes in native byte order: u32 operation, u32 key, u64
 * value. The upper bits of the operation choose the map, the lower 3 say what to do; the result of the command takes the place of its value: for a
 * look-up or an addition what is in the map then, ~0 for nothing, otherwise what the helper function returned. r0 is the number of commands. */
#include "helpers.h"

struct {
    NUMBER(type, HASH);
    NUMBER(max_entries, 4);
    TYPE(key, u32);
    TYPE(value, u64);
} hash MAP_SECTION;

struct {
    NUMBER(type, LRU_HASH);
    NUMBER(max_entries, 3);
    NUMBER(key_size, 4);
    NUMBER(value_size, 12);
} recent MAP_SECTION;

struct {
    NUMBER(type, ARRAY);
    NUMBER(max_entries, 5);
    TYPE(key, u32);
    TYPE(value, u64[2]);
} array MAP_SECTION;

struct {
    NUMBER(type, PERCPU_ARRAY);
    NUMBER(max_entries, 2);
    TYPE(key, u32);
    TYPE(value, u64);
} here MAP_SECTION;

enum { LOOKUP, UPDATE, CREATE, REPLACE, DELETE, ADD };

struct command {
    u32 operation, key;
    u64 value;
};

SUBPROGRAM u64 perform(void *map, const struct command *command, u64 words) {
    u64 value[2] = {command->value, ~command->value};
    switch (command->operation & 7) {
    case UPDATE:
        return map_update_elem(map, &command->key, value, ANY);
    case CREATE:
        return map_update_elem(map, &command->key, value, NOEXIST);
    case REPLACE:
        return map_update_elem(map, &command->key, value, EXIST);
    case DELETE:
        return map_delete_elem(map, &command->key);
    }
    u32 *found = map_lookup_elem(map, &command->key);
    if (!found)
        return ~0ULL;
    if ((command->operation & 7) == ADD)
        *(u64 *)found += command->value;
    return *(u64 *)found ^ (words > 2 ? (u64)found[2] << 32 : 0);
}

u64 entry(void *memory, u64 length) {
    struct command *commands = memory;
    u64 count = length / sizeof *commands;
    for (u64 at = 0; at < count; at++) {
        struct command *command = commands + at;
        switch (command->operation >> 3) {
        case 0:
            command->value = perform(&hash, command, 2);
            break;
        case 1:
            command->value = perform(&recent, command, 3);
            break;
        case 2:
            command->value = perform(&array, command, 4);
            break;
        default:
            command->value = perform(&here, command, 2);
        }
    }
    return count;
}
