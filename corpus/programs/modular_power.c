/* Modular exponentiation by squaring: base^exponent mod modulus, with a modulus below 2^32, so that products fit in 64 bits. The context holds
 * triples of u64 in native byte order: base, exponent, modulus. The result replaces the base. r0 is the sum of the results; a triple with a
 * modulus of zero or above 2^32 gives all ones and stays as it is. Each step is a 64-bit `%`, which 32-bit code has to call. */
#include "program.h"

u64 entry(void *memory, u64 length) {
    u64 *triple = memory, sum = 0;
    for (u64 at = 0; at + 24 <= length; at += 24, triple += 3) {
        u64 base = triple[0], exponent = triple[1], modulus = triple[2];
        if (modulus == 0 || modulus >> 32)
            return ~0ull;
        u64 result = 1 % modulus;
        for (base %= modulus; exponent; exponent >>= 1) {
            if (exponent & 1)
                result = result * base % modulus;
            base = base * base % modulus;
        }
        triple[0] = result;
        sum += result;
    }
    return sum;
}
