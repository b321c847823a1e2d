/* Schoolbook multiplication of two 256-bit numbers to 512 bits. Limbs are u32 in native byte order, the least significant first. The context
 * holds both factors and room for the product: 32 + 32 + 64 bytes. r0 is the number of significant bits of the product. */
#include "program.h"

#define LIMBS 8

u64 entry(void *memory, u64 length) {
    const u32 *first = memory, *second = first + LIMBS;
    u32 *product = (u32 *)memory + 2 * LIMBS;
    if (length < 4 * 4 * LIMBS)
        return ~0ull;
    for (u32 at = 0; at < 2 * LIMBS; at++)
        product[at] = 0;
#pragma clang loop unroll(disable)
    for (u32 row = 0; row < LIMBS; row++) {
        u64 carry = 0;
        for (u32 column = 0; column < LIMBS; column++) {
            carry += (u64)first[row] * second[column] + product[row + column];
            product[row + column] = (u32)carry;
            carry >>= 32;
        }
        product[row + LIMBS] = (u32)carry;
    }
    for (u32 at = 2 * LIMBS; at-- > 0;) {
        u32 bits = 32 * at;
        for (u32 limb = product[at]; limb; limb >>= 1)
            bits++;
        if (product[at])
            return bits;
    }
    return 0;
}
