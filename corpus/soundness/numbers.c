/* Big numbers in 32-bit limbs, least significant first: products with carries, sums, and division by ten for their decimal digits. */
#include "work.h"

enum { LIMBS = 64 };

static u32 multiply(u32 *number, u32 factor)
{
    u32 carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        u64 product = (u64)number[i] * factor + carry;
        number[i] = (u32)product;
        carry = (u32)(product >> 32);
    }
    return carry;
}

static void add(u32 *sum, const u32 *other)
{
    u32 carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        u32 part = sum[i] + carry;
        carry = part < carry;
        sum[i] = part + other[i];
        carry += sum[i] < part;
    }
}

/* Divides by ten in steps of 16 bits, so that 32-bit division serves, and returns the remainder. */
static u32 divide_by_ten(u32 *number)
{
    u32 remainder = 0;
    for (int i = LIMBS; i-- > 0;) {
        u32 high = remainder << 16 | number[i] >> 16;
        u32 low = high % 10 << 16 | (number[i] & 0xffff);
        number[i] = high / 10 << 16 | low / 10;
        remainder = low % 10;
    }
    return remainder;
}

static int is_zero(const u32 *number)
{
    u32 bits = 0;
    for (int i = 0; i < LIMBS; i++)
        bits |= number[i];
    return bits == 0;
}

static void decimal(u32 *number, u8 *text)
{
    int length = 0;
    do {
        text[length++] = (u8)('0' + divide_by_ten(number));
    } while (!is_zero(number));
    for (int i = 0; i < length / 2; i++) {
        u8 other = text[i];
        text[i] = text[length - 1 - i];
        text[length - 1 - i] = other;
    }
    text[length] = 0;
}

static void set(u32 *number, u32 value)
{
    for (int i = 0; i < LIMBS; i++)
        number[i] = 0;
    number[0] = value;
}

void numbers(u8 *memory)
{
    u32 *a = (u32 *)(memory + SCRATCH_AT), *b = a + LIMBS;
    set(a, 1);
    for (u32 factor = 2; factor <= 200; factor++)
        multiply(a, factor);
    decimal(a, memory + DIGITS_AT);
    set(a, 0);
    set(b, 1);
    for (int i = 0; i < 1000; i++) {
        add(a, b);
        add(b, a);
    }
    decimal(a, memory + FIBONACCI_AT);
}
