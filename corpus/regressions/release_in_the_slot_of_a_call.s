; The store of a store-release in the delay slot of a call: the tripwire for ordering took the call for an access before the store.
    r0 = *(u64 *)(r1 + 0)
    store_release((u32 *)(r10 - 512), w0)
    call leaf
    exit
leaf:
    r0 = 0
    exit
