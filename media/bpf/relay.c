// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The relay in the kernel: forwards the RTP of established flows where it comes in, and lets everything else go up.
//
//   frame ▶ parse ▶ ports[local address, port] ▶ flows[] ▶ checks ▶ hops[] ▶ counts[] ▶ headers written anew ▶ next hop
//
// One source, two programs: relay_xdp for drivers with XDP, relay_tc for the ingress hook of any Ethernet device. Both read
// the same maps. User space (media/src/kernel) writes flows and hops and reads counts; the layouts are repeated there.
// Whatever is not exactly as expected passes up to the relay's socket, which knows everything that is not known here.
//
// Definitions are the kernel's ABI (include/uapi/linux/bpf.h), repeated so that no headers are needed to build.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef _Bool bool;

#define SECTION(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
// Keeps the compiler from merging what two branches computed into one sum of a pointer and a variable: without CAP_PERFMON
// the kernel's verifier refuses that.
//
// Without it, too, each store to the stack waits for all before it (a guard against speculation), so little is kept there: what
// is needed twice is read from the packet or the maps twice, and indices are looked up by where they lie.
#define OPAQUE(x) __asm__ volatile("" : "+r"(x))
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BE16(x) ((u16)__builtin_bswap16(x))
#define BE32(x) ((u32)__builtin_bswap32(x))
#else
#define BE16(x) ((u16)(x))
#define BE32(x) ((u32)(x))
#endif

struct xdp_md {
	u32 data, data_end, data_meta, ingress_ifindex;
};

struct __sk_buff {
	u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority;
	u32 ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid, data, data_end, napi_id;
	u32 family, remote_ip4, local_ip4, remote_ip6[4], local_ip6[4], remote_port, local_port, data_meta;
	u64 flow_keys, tstamp;
	u32 wire_len, gso_segs;
	u64 sk;
	u32 gso_size;
};

enum { XDP_DROP = 1, XDP_PASS = 2, XDP_TX = 3 };
enum { TC_NEXT = -1, TC_DROP = 2 };
enum { PACKET_HOST = 0 };
enum { MAP_HASH = 1, MAP_ARRAY = 2 };
enum { PSEUDO_HEADER = 1 << 4, MARK_MANGLED_0 = 1 << 5 };

static void *(*map_lookup)(void *map, const void *key) = (void *)1;
static u64 (*ktime_ns)(void) = (void *)5;
static long (*l4_csum_replace)(void *skb, u32 offset, u64 from, u64 to, u64 flags) = (void *)11;
static long (*redirect)(u32 ifindex, u64 flags) = (void *)23;
static long (*skb_change_proto)(void *skb, u16 proto, u64 flags) = (void *)31;
static long (*skb_pull_data)(void *skb, u32 len) = (void *)39;
static long (*csum_update)(void *skb, u32 csum) = (void *)40;
static long (*xdp_adjust_head)(void *xdp, int delta) = (void *)44;
static u64 (*xdp_frame_bytes)(void *xdp) = (void *)188;

// What a flow is told by: where it arrives. IPv4 is mapped into IPv6 (RFC 4291 §2.5.5.2). 20 bytes.
struct key {
	u32 address[4];
	u32 port;		// two bytes, and two of zero
};

enum { SEALED = 1, OUT_IPV6 = 2 };

// What is expected of a flow, and what becomes of it. Numbers that packets bear are in network order, unless said. An entry
// is written before a port leads to it and rests before it is written again, so no packet sees half of it. 144 bytes.
struct flow {
	u32 local[4];
	u32 source[4];
	u16 local_port;
	u16 source_port;
	u32 ssrc;
	u64 payload_types[2];
	u32 flags;
	u32 slot;		// in counts
	u32 hop;		// in hops
	u16 sequence_shift;	// host order
	u16 sport, dport;
	u16 pseudo_in;		// sum of the pseudo header as it comes in, without the length
	u32 ssrc_out;
	u32 timestamp_shift;	// host order
	u32 pseudo_change;	// sum of the outgoing pseudo header less that of the incoming one
	u32 fixed_change;	// the same of ports and SSRC
	u32 header_sum;		// of the outgoing IPv4 header without length
	u32 tick_factor;	// timestamp ticks in 2^32 nanoseconds; 0 where the clock is not known
	u32 clock_hz;		// timestamp ticks in a second
	u8 header[40];		// the outgoing IP header, length and checksum 0
};

// The way to the next hop. 32 bytes.
struct hop {
	u32 ifindex;		// of the tc program; 0: no way
	u32 xdp_ifindex;	// of the XDP program; 0: no way
	u16 mtu;		// host order
	u16 vlan_tci;		// of xdp_ifindex; network order
	u32 macs[3];		// destination, then source
	u32 has_vlan;
	u32 only_back;		// xdp_ifindex takes no frames of other interfaces
};

// What was counted of a flow. A flow arrives on one processor as a rule, so nothing is atomic. 64 bytes, one cache line.
struct count {
	u64 packets;
	u64 bytes;
	u64 arrived_ns;
	u64 late;
	u64 duplicates;
	u32 cycles;
	u32 highest;
	u32 timestamp;		// of the highest
	u32 jitter_x16;
	u32 last_timestamp;	// of the last to arrive
	u32 reserved;
};

struct {
	int (*type)[MAP_HASH];
	struct key *key;
	u32 *value;
	int (*max_entries)[1024];
} ports SECTION(".maps");

struct {
	int (*type)[MAP_ARRAY];
	u32 *key;
	struct flow *value;
	int (*max_entries)[1024];
} flows SECTION(".maps");

struct {
	int (*type)[MAP_ARRAY];
	u32 *key;
	struct count *value;
	int (*max_entries)[1024];
} counts SECTION(".maps");

struct {
	int (*type)[MAP_ARRAY];
	u32 *key;
	struct hop *value;
	int (*max_entries)[1024];
} hops SECTION(".maps");

struct ethernet {
	u16 macs[6];
	u16 type;
} __attribute__((packed));

struct vlan {
	u16 tci;
	u16 type;
};

struct ipv4 {
	u8 version_ihl, tos;
	u16 length, id, fragment;
	u8 ttl, protocol;
	u16 checksum;
	u32 from, to;
};

struct ipv6 {
	u32 version_class_label;
	u16 length;
	u8 next_header, hop_limit;
	u32 from[4], to[4];
};

struct udp {
	u16 from, to, length, checksum;
};

struct rtp {
	u8 first, second;
	u16 sequence;
	u32 timestamp, ssrc;
};

enum { ETHERNET_BYTES = 14, VLAN_BYTES = 4, IPV4_BYTES = 20, IPV6_BYTES = 40, UDP_BYTES = 8, RTP_BYTES = 12 };
enum { IPV4 = 0x0800, IPV6 = 0x86dd, VLAN = 0x8100, SERVICE_VLAN = 0x88a8, UDP = 17 };

// RFC 3550 A.1: further ahead is perhaps a restart, as is older than this; user space judges.
enum { MAX_DROPOUT = 3000, MAX_MISORDER = 100 };

// What is longer is no voice; user space refuses it (media/src/limits.rs).
enum { DATAGRAM_BYTES_MAX = 2048 };

// What was found of a packet, as far as rewriting needs it.
struct found {
	const struct flow *flow;
	const struct hop *hop;
	struct udp *udp;
	u32 l2_bytes;		// as it came in
	bool ipv6;		// as it came in
};

INLINE u16 fold(u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)(sum + (sum >> 16));
}

// RFC 1624: the checksum after a change of the sum. UDP says 0 for "none".
INLINE u16 changed(u16 checksum, u32 change)
{
	u16 result = ~fold((u16)~checksum + fold(change));
	return result ? result : 0xffff;
}

// Two words as they follow each other in memory.
INLINE u64 pair(u32 first, u32 second)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return first | (u64)second << 32;
#else
	return (u64)first << 32 | second;
#endif
}

// Two bytes, and two of zero.
INLINE u32 padded(u16 half)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return half;
#else
	return (u32)half << 16;
#endif
}

INLINE u32 halves(u32 word)
{
	return (word & 0xffff) + (word >> 16);
}

INLINE bool same(const u32 *one, const u32 *other)
{
	return one[3] == other[3] && one[2] == other[2] && one[1] == other[1] && one[0] == other[0];
}

// The sum of what an IPv6 header has beyond addresses and length.
INLINE u32 outer_sum(const void *header)
{
	const u16 *words = header;
	return (u32)words[0] + words[1] + words[3];
}

// Whether the checksum is that of the pseudo header: perhaps left to hardware (CHECKSUM_PARTIAL).
INLINE bool is_partial(const struct flow *flow, const struct udp *udp)
{
	return fold(flow->pseudo_in + udp->length) == udp->checksum;
}

INLINE u16 sequence_out(const struct flow *flow, const struct rtp *rtp)
{
	return BE16((u16)(BE16(rtp->sequence) + flow->sequence_shift));
}

INLINE u32 timestamp_out(const struct flow *flow, const struct rtp *rtp)
{
	return BE32(BE32(rtp->timestamp) + flow->timestamp_shift);
}

// The sum of what changes beyond the pseudo header.
INLINE u32 stream_change(const struct flow *flow, const struct rtp *rtp)
{
	return flow->fixed_change + sequence_out(flow, rtp) + (u16)~rtp->sequence + halves(timestamp_out(flow, rtp)) +
	       halves(~rtp->timestamp);
}

// Counts a packet; false for one that does not continue the stream.
INLINE bool count(const struct flow *flow, u16 sequence, u32 timestamp, u32 bytes)
{
	struct count *count = map_lookup(&counts, &flow->slot);
	if (UNLIKELY(!count))
		return 0;
	u16 ahead = sequence - (u16)count->highest;
	if (UNLIKELY(ahead >= MAX_DROPOUT && ahead <= 0xffff - MAX_MISORDER))
		return 0;
	u64 now = ktime_ns();
	u64 before = count->arrived_ns;
	u64 factor = flow->tick_factor;
	if (before && factor) {
		// 2^40 ns are 18 minutes; the product stays below 2^64 for clocks up to 3.9 MHz.
		u64 passed = (now - before) & 0xffffffffffULL;
		u32 moved = timestamp - count->last_timestamp;
		int delta = (int)((u32)(passed * factor >> 32) - moved);
		u32 size = delta < 0 ? -(u32)delta : (u32)delta;
		// A burst of speech may begin with any timestamp: a second and more says nothing of arrival.
		if (size < flow->clock_hz)
			count->jitter_x16 += size - ((count->jitter_x16 + 8) >> 4);
	}
	count->arrived_ns = now;
	count->last_timestamp = timestamp;
	count->packets += 1;
	count->bytes += bytes;
	if (ahead == 0) {
		count->duplicates += 1;
	} else if (ahead < MAX_DROPOUT) {
		if (sequence < (u16)count->highest)
			count->cycles += 1;
		count->highest = sequence;
		count->timestamp = timestamp;
	} else {
		count->late += 1;
	}
	return 1;
}

// Whether what follows the fixed header fits (RFC 3550 §5.1, §5.3.1). Padding, and extensions behind a list of sources, are
// left to user space.
INLINE bool fits(const struct rtp *rtp, void *end, u32 bytes)
{
	u8 first = rtp->first;
	u32 sources = first & 15;
	u32 needed = RTP_BYTES + sources * 4;
	if (!(first & 0x3f))
		return 1;
	if (first & 0x20)
		return 0;
	if (first & 0x10) {
		const u16 *extension = (const void *)(rtp + 1);
		if (sources || (void *)(extension + 2) > end)
			return 0;
		needed += 4 + (u32)BE16(extension[1]) * 4;
	}
	return needed <= bytes;
}

// Parses and judges a frame and counts its packet. Nothing of the frame is changed.
INLINE bool find(void *context, void *data, void *end, bool is_xdp, u32 frame_bytes, struct found *found)
{
	struct ethernet *ethernet = data;
	void *at = ethernet + 1;
	if (at > end || UNLIKELY(ethernet->macs[0] & BE16(0x0100)))
		return 0;
	u16 type = ethernet->type;
	u32 l2_bytes = ETHERNET_BYTES;
	if (is_xdp && UNLIKELY(type == BE16(VLAN) || type == BE16(SERVICE_VLAN))) {
		struct vlan *vlan = at;
		at = vlan + 1;
		if (at > end)
			return 0;
		type = vlan->type;
		l2_bytes += VLAN_BYTES;
		if (type == BE16(VLAN)) {
			vlan = at;
			at = vlan + 1;
			if (at > end)
				return 0;
			type = vlan->type;
			l2_bytes += VLAN_BYTES;
		}
		OPAQUE(at);
	}
	struct udp *udp;
	bool ipv6 = type == BE16(IPV6);
	u64 upper, lower;
	if (type == BE16(IPV4)) {
		struct ipv4 *ip = at;
		udp = (void *)(ip + 1);
		OPAQUE(udp);
		if ((void *)udp + UDP_BYTES + RTP_BYTES > end)
			return 0;
		// No options, no fragment, and the lengths agree.
		if (ip->version_ihl != 0x45 || ip->protocol != UDP || (ip->fragment & BE16(0x3fff)))
			return 0;
		if ((u16)(BE16(ip->length) - IPV4_BYTES) != BE16(udp->length))
			return 0;
		upper = 0;
		lower = pair(BE32(0xffff), ip->to);
	} else if (ipv6) {
		struct ipv6 *ip = at;
		udp = (void *)(ip + 1);
		OPAQUE(udp);
		if ((void *)udp + UDP_BYTES + RTP_BYTES > end)
			return 0;
		if (ip->next_header != UDP || ip->length != udp->length || !udp->checksum)
			return 0;
		upper = pair(ip->to[0], ip->to[1]);
		lower = pair(ip->to[2], ip->to[3]);
	} else {
		return 0;
	}
	struct key key __attribute__((aligned(8)));
	__builtin_memcpy(key.address, &upper, 8);
	__builtin_memcpy(key.address + 2, &lower, 8);
	key.port = padded(udp->to);
	u32 *entry = map_lookup(&ports, &key);
	if (!entry)
		return 0;
	const struct flow *flow = map_lookup(&flows, entry);
	// The kernel uses an entry of `ports` again at once: what was read may be another port's.
	if (UNLIKELY(!flow || flow->local_port != udp->to || !same(flow->local, key.address)))
		return 0;
	if (ipv6) {
		struct ipv6 *ip = (void *)udp - IPV6_BYTES;
		OPAQUE(ip);
		if (!same(ip->from, flow->source))
			return 0;
	} else {
		struct ipv4 *ip = (void *)udp - IPV4_BYTES;
		OPAQUE(ip);
		const u32 *source = flow->source;
		if (ip->from != source[3] || source[2] != BE32(0xffff) || source[1] || source[0])
			return 0;
	}
	struct rtp *rtp = (void *)(udp + 1);
	u32 length = BE16(udp->length);
	if (is_xdp)
		frame_bytes = xdp_frame_bytes(context);
	u32 ip_bytes = ipv6 ? IPV6_BYTES : IPV4_BYTES;
	if (length < UDP_BYTES + RTP_BYTES || length > UDP_BYTES + DATAGRAM_BYTES_MAX || l2_bytes + ip_bytes + length > frame_bytes)
		return 0;
	if (udp->from != flow->source_port || rtp->ssrc != flow->ssrc)
		return 0;
	u8 second = rtp->second;
	if ((rtp->first & 0xc0) != 0x80 || (second & 0xe0) == 0xc0)
		return 0;
	u32 payload_type = second & 0x7f;
	u64 low = flow->payload_types[0], high = flow->payload_types[1];
	OPAQUE(low);
	OPAQUE(high);
	if (!((payload_type & 64 ? high : low) >> (payload_type & 63) & 1))
		return 0;
	if (!(flow->flags & SEALED) && !fits(rtp, end, length - UDP_BYTES))
		return 0;

	const struct hop *hop = map_lookup(&hops, &flow->hop);
	if (UNLIKELY(!hop || !(is_xdp ? hop->xdp_ifindex : hop->ifindex)))
		return 0;
	if (is_xdp && UNLIKELY(hop->only_back && hop->xdp_ifindex != ((struct xdp_md *)context)->ingress_ifindex))
		return 0;
	bool widened = flow->flags & OUT_IPV6;
	if (UNLIKELY(length + (widened ? IPV6_BYTES : IPV4_BYTES) > hop->mtu))
		return 0;
	if (UNLIKELY(!udp->checksum && widened))
		return 0;
	// In XDP nothing tells a checksum that hardware is to complete from a complete one of that value.
	if (is_xdp && UNLIKELY(is_partial(flow, udp)))
		return 0;
	if (!count(flow, BE16(rtp->sequence), BE32(rtp->timestamp), length - UDP_BYTES))
		return 0;
	found->flow = flow;
	found->hop = hop;
	found->udp = udp;
	found->l2_bytes = l2_bytes;
	found->ipv6 = ipv6;
	return 1;
}

// Writes what changes from the UDP header on; the checksum too where `sums`.
INLINE bool write_udp(void *at, void *end, const struct flow *flow, bool sums)
{
	struct udp *udp = at;
	OPAQUE(udp);
	struct rtp *rtp = (void *)(udp + 1);
	if ((void *)(rtp + 1) > end)
		return 0;
	u32 change = flow->pseudo_change + stream_change(flow, rtp);
	if (sums && udp->checksum)
		udp->checksum = changed(udp->checksum, change);
	udp->from = flow->sport;
	udp->to = flow->dport;
	rtp->sequence = sequence_out(flow, rtp);
	rtp->timestamp = timestamp_out(flow, rtp);
	rtp->ssrc = flow->ssrc_out;
	return 1;
}

INLINE bool write_headers(void *at, void *end, const struct flow *flow, bool sums)
{
	if (flow->flags & OUT_IPV6) {
		struct ipv6 *ip = at;
		struct udp *udp = (void *)(ip + 1);
		OPAQUE(udp);
		if ((void *)(udp + 1) > end)
			return 0;
		__builtin_memcpy(ip, flow->header, IPV6_BYTES);
		ip->length = udp->length;
		return write_udp(udp, end, flow, sums);
	}
	struct ipv4 *ip = at;
	struct udp *udp = (void *)(ip + 1);
	OPAQUE(udp);
	if ((void *)(udp + 1) > end)
		return 0;
	u16 length = BE16((u16)(BE16(udp->length) + IPV4_BYTES));
	__builtin_memcpy(ip, flow->header, IPV4_BYTES);
	ip->length = length;
	ip->checksum = ~fold(flow->header_sum + length);
	return write_udp(udp, end, flow, sums);
}

SECTION("xdp") int relay_xdp(struct xdp_md *context)
{
	void *data = (void *)(u64)context->data;
	void *end = (void *)(u64)context->data_end;
	struct found found;
	if (!find(context, data, end, 1, 0, &found))
		return XDP_PASS;

	const struct flow *flow = found.flow;
	const struct hop *hop = found.hop;
	bool tagged = hop->has_vlan;
	bool out_ipv6 = flow->flags & OUT_IPV6;
	u32 bytes_in = found.l2_bytes + (found.ipv6 ? IPV6_BYTES : IPV4_BYTES);
	u32 bytes_out = (tagged ? ETHERNET_BYTES + VLAN_BYTES : ETHERNET_BYTES) + (out_ipv6 ? IPV6_BYTES : IPV4_BYTES);
	if (bytes_in != bytes_out) {
		if (xdp_adjust_head(context, (int)bytes_in - (int)bytes_out))
			return XDP_PASS;
		data = (void *)(u64)context->data;
		end = (void *)(u64)context->data_end;
	}
	struct ethernet *ethernet = data;
	void *at = ethernet + 1;
	if (data + ETHERNET_BYTES + VLAN_BYTES + IPV4_BYTES + UDP_BYTES + RTP_BYTES > end)
		return XDP_DROP;
	u16 type = out_ipv6 ? BE16(IPV6) : BE16(IPV4);
	__builtin_memcpy(ethernet->macs, hop->macs, 12);
	if (tagged) {
		struct vlan *vlan = at;
		vlan->tci = hop->vlan_tci;
		vlan->type = type;
		ethernet->type = BE16(VLAN);
		at = vlan + 1;
	} else {
		ethernet->type = type;
	}
	OPAQUE(at);
	if (!write_headers(at, end, flow, 1))
		return XDP_DROP;
	return hop->xdp_ifindex == context->ingress_ifindex ? XDP_TX : (int)redirect(hop->xdp_ifindex, 0);
}

SECTION("classifier") int relay_tc(struct __sk_buff *skb)
{
	// A tag that was taken off belongs to a device above, where this program runs too.
	if (skb->pkt_type != PACKET_HOST || skb->vlan_present || skb->gso_size)
		return TC_NEXT;
	if (skb->protocol != BE16(IPV4) && skb->protocol != BE16(IPV6))
		return TC_NEXT;
	void *data = (void *)(u64)skb->data;
	void *end = (void *)(u64)skb->data_end;
	u32 headers = ETHERNET_BYTES + IPV6_BYTES + UDP_BYTES + RTP_BYTES;
	if (UNLIKELY(data + ETHERNET_BYTES + IPV6_BYTES + UDP_BYTES + RTP_BYTES > end)) {
		if (skb_pull_data(skb, skb->len < headers ? skb->len : headers))
			return TC_NEXT;
		data = (void *)(u64)skb->data;
		end = (void *)(u64)skb->data_end;
	}
	struct found found;
	if (!find(skb, data, end, 0, skb->len, &found))
		return TC_NEXT;

	const struct flow *flow = found.flow;
	struct udp *udp = found.udp;
	bool out_ipv6 = flow->flags & OUT_IPV6;
	bool partial = is_partial(flow, udp);
	u32 change = 0;
	if (UNLIKELY(partial || !udp->checksum))
		change = fold(stream_change(flow, (void *)(udp + 1)));
	// What is to be added to the sum of the whole packet, where hardware has made it (CHECKSUM_COMPLETE).
	u32 whole = udp->checksum ? (u16)~fold(flow->pseudo_change) : change;
	if (UNLIKELY(out_ipv6 != found.ipv6)) {
		// An IPv4 header sums up to nothing, a valid datagram to its pseudo header taken away.
		u32 pseudo = fold(flow->pseudo_in + udp->length);
		if (out_ipv6) {
			whole = outer_sum(flow->header) + (u16)~BE16(UDP) + pseudo;
		} else {
			void *ip = (void *)(u64)skb->data + ETHERNET_BYTES;
			if (ip + IPV6_BYTES > (void *)(u64)skb->data_end)
				return TC_NEXT;
			whole = (u16)~fold(pseudo + flow->pseudo_change) + (u16)~fold(outer_sum(ip)) + BE16(UDP);
		}
		if (skb_change_proto(skb, out_ipv6 ? BE16(IPV6) : BE16(IPV4), 0))
			return TC_NEXT;
	}
	if (UNLIKELY(partial)) {
		u32 offset = ETHERNET_BYTES + (out_ipv6 ? IPV6_BYTES : IPV4_BYTES) + __builtin_offsetof(struct udp, checksum);
		if (l4_csum_replace(skb, offset, 0, fold(flow->pseudo_change), PSEUDO_HEADER | MARK_MANGLED_0) ||
		    l4_csum_replace(skb, offset, 0, change, MARK_MANGLED_0))
			return TC_DROP;
	} else {
		csum_update(skb, fold(whole));
	}
	data = (void *)(u64)skb->data;
	end = (void *)(u64)skb->data_end;
	struct ethernet *ethernet = data;
	void *at = ethernet + 1;
	if (at > end)
		return TC_DROP;
	__builtin_memcpy(ethernet->macs, found.hop->macs, 12);
	ethernet->type = out_ipv6 ? BE16(IPV6) : BE16(IPV4);
	if (!write_headers(at, end, flow, !partial))
		return TC_DROP;
	return (int)redirect(found.hop->ifindex, 0);
}

// Some helpers are for programs of a licence compatible with the GPL; MIT is.
char _license[] SECTION("license") = "Dual MIT/GPL";
