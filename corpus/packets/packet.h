/* What the programs of this directory share: types, the two contexts as Linux lays them out (include/uapi/linux/bpf.h), network order. */
#ifndef PACKET_H
#define PACKET_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SECTION(name) __attribute__((section(name), used))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NETWORK16(value) ((u16)__builtin_bswap16(value))
#define NETWORK32(value) ((u32)__builtin_bswap32(value))
#else
#define NETWORK16(value) ((u16)(value))
#define NETWORK32(value) ((u32)(value))
#endif

struct xdp_md {
    u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};

struct __sk_buff {
    u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority, ingress_ifindex, ifindex, tc_index;
    u32 cb[5];
    u32 hash, tc_classid, data, data_end, napi_id;
};

enum { XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT };

#define POINTER(field) ((void *)(long)(field))

struct ethernet {
    u8 destination[6], source[6];
    u16 type;
};

struct ipv4 {
    u8 version_length, service;
    u16 length, identification, fragment;
    u8 ttl, protocol;
    u16 checksum;
    u32 source, destination;
};

struct ipv6 {
    u32 version_class_flow;
    u16 payload_length;
    u8 next_header, hop_limit;
    u32 source[4], destination[4];
};

struct udp {
    u16 source, destination, length, checksum;
};

enum { IPV4 = 0x0800, VLAN = 0x8100, IPV6 = 0x86DD };
enum { TCP = 6, UDP = 17 };

#endif
