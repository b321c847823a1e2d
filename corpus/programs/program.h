/* What all programs share: fixed-width types and conversions between native and network byte order.
 *
 * A program is `u64 entry(void *memory, u64 length)`: r1 points to the context (8-byte aligned, writable, `length` bytes), r0 is the result.
 * Every access is aligned to its size, because MIPS traps otherwise. */
#ifndef PROGRAM_H
#define PROGRAM_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef signed short s16;
typedef signed int s32;
typedef signed long long s64;

/* A BPF-to-BPF call instead of an inlined body. */
#define SUBPROGRAM static __attribute__((noinline))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BIG16(value) __builtin_bswap16(value)
#define BIG32(value) __builtin_bswap32(value)
#define BIG64(value) __builtin_bswap64(value)
#define LITTLE16(value) ((u16)(value))
#define LITTLE32(value) ((u32)(value))
#define LITTLE64(value) ((u64)(value))
#else
#define BIG16(value) ((u16)(value))
#define BIG32(value) ((u32)(value))
#define BIG64(value) ((u64)(value))
#define LITTLE16(value) __builtin_bswap16(value)
#define LITTLE32(value) __builtin_bswap32(value)
#define LITTLE64(value) __builtin_bswap64(value)
#endif

static inline u32 rotate_left32(u32 value, u32 count) { return value << count | value >> (32 - count); }
static inline u64 rotate_left64(u64 value, u32 count) { return value << count | value >> (64 - count); }

#endif
