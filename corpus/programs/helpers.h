/* Helper functions by their numbers (Linux, enum bpf_func_id), and how maps are declared for BTF (libbpf's convention). Objects of programs that
 * include this are compiled with -g, because BTF is a part of debug information. */
#ifndef HELPERS_H
#define HELPERS_H

#include "program.h"

#define MAP_SECTION __attribute__((section(".maps"), used))
#define NUMBER(name, value) int (*name)[value]
#define TYPE(name, of) __typeof__(of) *name

enum { HASH = 1, ARRAY = 2, PROG_ARRAY = 3, PERCPU_ARRAY = 6, LRU_HASH = 9 };
enum { ANY, NOEXIST, EXIST };

static void *(*const map_lookup_elem)(void *map, const void *key) = (void *)1;
static s64 (*const map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static s64 (*const map_delete_elem)(void *map, const void *key) = (void *)3;
static s64 (*const tail_call)(void *context, void *array, u32 index) = (void *)12;
static s64 (*const loop)(u32 count, u64 (*callback)(u64 index, void *context), void *context, u64 flags) = (void *)181;

#endif
