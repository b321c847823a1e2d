/* CRC-32 (ISO-HDLC, the one of zlib and Ethernet) of the context, four bits a step with a table in .rodata. */
#include "program.h"

static const u32 table[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

u64 entry(void *memory, u64 length) {
    const u8 *bytes = memory;
    u32 crc = ~0u;
    for (u64 at = 0; at < length; at++) {
        crc ^= bytes[at];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}
