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
	u16 port;
	u16 zero;
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
	u32 l2_bytes;		// as it came in
	u32 ip_bytes;
	bool out_ipv6;
	u16 udp_length;		// network order
	u16 checksum;		// as it came in
	u16 sequence_out;
	u32 timestamp_out;
	u32 ssrc_out;
	u32 change;		// sum of what changes beyond the pseudo header
	u32 outer_sum;		// of what an IPv6 header has beyond the pseudo header
	bool partial;		// the checksum is that of the pseudo header: perhaps left to hardware (CHECKSUM_PARTIAL)
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

// Counts a packet; false for one that does not continue the stream.
INLINE bool count(const struct flow *flow, u16 sequence, u32 timestamp, u32 bytes)
{
	u32 slot = flow->slot;
	struct count *count = map_lookup(&counts, &slot);
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
	struct key key = {};
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
	u32 from[4];
	struct udp *udp;
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
		key.address[2] = BE32(0xffff);
		key.address[3] = ip->to;
		from[0] = from[1] = 0;
		from[2] = BE32(0xffff);
		u32 address = ip->from;
		OPAQUE(address);
		from[3] = address;
		found->ip_bytes = IPV4_BYTES;
	} else if (type == BE16(IPV6)) {
		struct ipv6 *ip = at;
		udp = (void *)(ip + 1);
		OPAQUE(udp);
		if ((void *)udp + UDP_BYTES + RTP_BYTES > end)
			return 0;
		if (ip->next_header != UDP || ip->length != udp->length || !udp->checksum)
			return 0;
		__builtin_memcpy(key.address, ip->to, 16);
		__builtin_memcpy(from, ip->from, 16);
		found->ip_bytes = IPV6_BYTES;
		found->outer_sum = outer_sum(ip);
	} else {
		return 0;
	}
	key.port = udp->to;
	u32 *entry = map_lookup(&ports, &key);
	if (!entry)
		return 0;
	u32 index = *entry;
	const struct flow *flow = map_lookup(&flows, &index);
	// The kernel uses an entry of `ports` again at once: what was read may be another port's.
	if (UNLIKELY(!flow || flow->local_port != key.port || !same(flow->local, key.address)))
		return 0;
	struct rtp *rtp = (void *)(udp + 1);
	u32 length = BE16(udp->length);
	u32 bytes = length - UDP_BYTES;
	if (is_xdp)
		frame_bytes = xdp_frame_bytes(context);
	if (length < UDP_BYTES + RTP_BYTES || length > UDP_BYTES + DATAGRAM_BYTES_MAX || l2_bytes + found->ip_bytes + length > frame_bytes)
		return 0;
	if (!same(from, flow->source) || udp->from != flow->source_port || rtp->ssrc != flow->ssrc)
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
	bool sealed = flow->flags & SEALED;
	if (!sealed && !fits(rtp, end, bytes))
		return 0;

	index = flow->hop;
	const struct hop *hop = map_lookup(&hops, &index);
	if (UNLIKELY(!hop || !(is_xdp ? hop->xdp_ifindex : hop->ifindex)))
		return 0;
	if (is_xdp && UNLIKELY(hop->only_back && hop->xdp_ifindex != ((struct xdp_md *)context)->ingress_ifindex))
		return 0;
	bool widened = flow->flags & OUT_IPV6;
	if (UNLIKELY(length + (widened ? IPV6_BYTES : IPV4_BYTES) > hop->mtu))
		return 0;
	found->out_ipv6 = widened;
	found->flow = flow;
	found->hop = hop;
	found->l2_bytes = l2_bytes;
	found->udp_length = udp->length;
	found->checksum = udp->checksum;
	if (UNLIKELY(!udp->checksum && widened))
		return 0;
	found->partial = fold(flow->pseudo_in + udp->length) == udp->checksum;
	// In XDP nothing tells a checksum that hardware is to complete from a complete one of that value.
	if (is_xdp && UNLIKELY(found->partial))
		return 0;

	u16 sequence = rtp->sequence;
	u32 timestamp = rtp->timestamp;
	if (!count(flow, BE16(sequence), BE32(timestamp), bytes))
		return 0;
	found->change = flow->fixed_change;
	if (sealed) {
		found->sequence_out = sequence;
		found->timestamp_out = timestamp;
		found->ssrc_out = flow->ssrc;
	} else {
		u16 sequence_out = BE16((u16)(BE16(sequence) + flow->sequence_shift));
		u32 timestamp_out = BE32(BE32(timestamp) + flow->timestamp_shift);
		found->sequence_out = sequence_out;
		found->timestamp_out = timestamp_out;
		found->ssrc_out = flow->ssrc_out;
		found->change += sequence_out + (u16)~sequence + halves(timestamp_out) + halves(~timestamp);
	}
	return 1;
}

INLINE bool write_udp(void *at, void *end, const struct found *found, u16 checksum)
{
	struct udp *udp = at;
	OPAQUE(udp);
	struct rtp *rtp = (void *)(udp + 1);
	if ((void *)(rtp + 1) > end)
		return 0;
	udp->from = found->flow->sport;
	udp->to = found->flow->dport;
	udp->length = found->udp_length;
	udp->checksum = checksum;
	rtp->sequence = found->sequence_out;
	rtp->timestamp = found->timestamp_out;
	rtp->ssrc = found->ssrc_out;
	return 1;
}

// Writes every header anew from the IP header on.
INLINE bool write_headers(void *at, void *end, const struct found *found, u16 checksum)
{
	const struct flow *flow = found->flow;
	if (at + IPV4_BYTES > end)
		return 0;
	if (found->out_ipv6) {
		struct ipv6 *ip = at;
		if ((void *)(ip + 1) > end)
			return 0;
		__builtin_memcpy(ip, flow->header, IPV6_BYTES);
		ip->length = found->udp_length;
		return write_udp(ip + 1, end, found, checksum);
	}
	struct ipv4 *ip = at;
	u16 length = BE16((u16)(BE16(found->udp_length) + IPV4_BYTES));
	__builtin_memcpy(ip, flow->header, IPV4_BYTES);
	ip->length = length;
	ip->checksum = ~fold(flow->header_sum + length);
	return write_udp(ip + 1, end, found, checksum);
}

// Reads the checksum of the datagram behind an IP header.
INLINE bool read_checksum(void *at, void *end, bool ipv6, u16 *checksum)
{
	struct udp *udp = at + IPV4_BYTES;
	if (ipv6) {
		udp = at + IPV6_BYTES;
		OPAQUE(udp);
	}
	if ((void *)(udp + 1) > end)
		return 0;
	*checksum = udp->checksum;
	return 1;
}

INLINE u32 out_ip_bytes(const struct found *found)
{
	return found->out_ipv6 ? IPV6_BYTES : IPV4_BYTES;
}

SECTION("xdp") int relay_xdp(struct xdp_md *context)
{
	void *data = (void *)(u64)context->data;
	void *end = (void *)(u64)context->data_end;
	struct found found;
	if (!find(context, data, end, 1, 0, &found))
		return XDP_PASS;

	const struct hop *hop = found.hop;
	bool tagged = hop->has_vlan;
	u32 l2_bytes = tagged ? ETHERNET_BYTES + VLAN_BYTES : ETHERNET_BYTES;
	u32 ip_bytes = out_ip_bytes(&found);
	int delta = (int)(found.l2_bytes + found.ip_bytes) - (int)(l2_bytes + ip_bytes);
	if (delta) {
		if (xdp_adjust_head(context, delta))
			return XDP_PASS;
		data = (void *)(u64)context->data;
		end = (void *)(u64)context->data_end;
	}
	struct ethernet *ethernet = data;
	void *at = ethernet + 1;
	if (data + ETHERNET_BYTES + VLAN_BYTES + IPV4_BYTES + UDP_BYTES + RTP_BYTES > end)
		return XDP_DROP;
	u16 type = found.out_ipv6 ? BE16(IPV6) : BE16(IPV4);
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
	u16 checksum = found.checksum;
	if (checksum)
		checksum = changed(checksum, fold(found.change) + found.flow->pseudo_change);
	if (!write_headers(at, end, &found, checksum))
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
	u32 ip_bytes = out_ip_bytes(&found);
	u32 pseudo = fold(found.flow->pseudo_in + found.udp_length);
	// What is to be added to the sum of the whole packet, where hardware has made it (CHECKSUM_COMPLETE).
	u32 whole = found.checksum ? (u16)~fold(flow->pseudo_change) : fold(found.change);
	if (ip_bytes != found.ip_bytes) {
		if (skb_change_proto(skb, ip_bytes == IPV6_BYTES ? BE16(IPV6) : BE16(IPV4), 0))
			return TC_NEXT;
		// An IPv4 header sums up to nothing, a valid datagram to its pseudo header taken away.
		if (ip_bytes == IPV6_BYTES)
			whole = outer_sum(flow->header) + (u16)~BE16(UDP) + pseudo;
		else
			whole = (u16)~fold(pseudo + flow->pseudo_change) + (u16)~fold(found.outer_sum) + BE16(UDP);
	}
	u16 checksum = found.checksum;
	if (UNLIKELY(found.partial)) {
		u32 offset = ETHERNET_BYTES + ip_bytes + __builtin_offsetof(struct udp, checksum);
		if (l4_csum_replace(skb, offset, 0, fold(flow->pseudo_change), PSEUDO_HEADER | MARK_MANGLED_0) ||
		    l4_csum_replace(skb, offset, 0, fold(found.change), MARK_MANGLED_0))
			return TC_DROP;
	} else {
		csum_update(skb, fold(whole));
		if (checksum)
			checksum = changed(checksum, fold(found.change) + flow->pseudo_change);
	}
	data = (void *)(u64)skb->data;
	end = (void *)(u64)skb->data_end;
	struct ethernet *ethernet = data;
	void *at = ethernet + 1;
	if (at > end)
		return TC_DROP;
	if (UNLIKELY(found.partial) && !read_checksum(at, end, found.out_ipv6, &checksum))
		return TC_DROP;
	__builtin_memcpy(ethernet->macs, found.hop->macs, 12);
	ethernet->type = found.out_ipv6 ? BE16(IPV6) : BE16(IPV4);
	if (!write_headers(at, end, &found, checksum))
		return TC_DROP;
	return (int)redirect(found.hop->ifindex, 0);
}

// Some helpers are for programs of a licence compatible with the GPL; MIT is.
char _license[] SECTION("license") = "Dual MIT/GPL";
