/* What the parts of the program share. Everything is for a freestanding MIPS64 with the n64 ABI; the types are those of that ABI. */
#ifndef WORK_H
#define WORK_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long s64;

/* The memory that the program is given: 8 KiB of random input, then what it computes. corpus/soundness/answers.py knows the same places. */
enum {
    INPUT_SIZE = 0x2000,
    SHA256_AT = 0x4000,
    CRC32_AT = 0x4020,
    ADLER32_AT = 0x4024,
    MURMUR_AT = 0x4028,
    FOLDED_AT = 0x402c,
    WORDS_AT = 0x5000,     /* 2048 signed words, sorted */
    HALVES_AT = 0x7000,    /* 2048 signed halfwords, sorted */
    DIGITS_AT = 0x9000,    /* 200! in decimal, most significant digit first, then a zero byte */
    FIBONACCI_AT = 0xa000, /* Fibonacci number 2000 in decimal, likewise */
    CALENDAR_AT = 0xb000,  /* 512 times year, month and day as signed words */
    SCRATCH_AT = 0xd000
};

void hashes(u8 *memory);
void sorting(u8 *memory);
void numbers(u8 *memory);
void calendar(u8 *memory);

#endif
