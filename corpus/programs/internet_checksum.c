/* Internet checksum (RFC 1071) of the context, summed as 16-bit words in native byte order: section 2 (B) shows that the byte order of the sum
 * does not matter as long as it is stored back the same way. The checksum is returned in host order. */
#include "program.h"

u64 entry(void *memory, u64 length) {
    const u16 *words = memory;
    const u8 *bytes = memory;
    u32 sum = 0;
    for (u64 at = 0; at < length / 2; at++)
        sum += words[at];
    if (length & 1) {
        union {
            u8 bytes[2];
            u16 word;
        } last = {{bytes[length - 1], 0}};
        sum += last.word;
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return BIG16((u16)~sum);
}
