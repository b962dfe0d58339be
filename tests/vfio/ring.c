// SPDX-License-Identifier: GPL-2.0-only
/*
 * A legacy virtio-net device driven by hand: rings in DMA memory, frames to and
 * from the PF's network interface, interrupts.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/pci_regs.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib.h"

#define RX		0
#define TX		1
#define MAX_QUEUES	5	/* two pairs and the control queue */

/* Of the DMA memory, each queue has so much: the ring, then its buffers. */
#define QUEUE_MEMORY	0x60000
#define RING_MEMORY	0x10000
#define RING_ALIGN	4096
#define SLOT_MEMORY	2048
#define MAX_SLOTS	((QUEUE_MEMORY - RING_MEMORY) / SLOT_MEMORY)

/*
 * A slot holds the header and, behind it, the frame. They are a descriptor
 * each, as a legacy device may ask for.
 */
#define NET_HDR_LEN	10
#define FRAME_AT	16

/* Frames of a batch, few enough for any ring and socket. */
#define WINDOW		32

#define ETHERTYPE	0x88b5	/* for local experiments */
#define MIN_FRAME	60
#define MAX_FRAME	1514
#define CONTROL_LEN	2

#define NO_VECTOR	VIRTIO_MSI_NO_VECTOR
#define VECTORS		3

#define THREADS		8
#define HAMMER_US	1000000
#define LONG_MS		slow(5000)
#define RESET_MS	500
#define FRAME_EVERY_MS	25
#define POISON		0xa5
#define SHORT_MS	200

struct frame {
	uint8_t to[6];
	uint8_t from[6];
	uint16_t type;
	uint16_t reserved;
	uint32_t run;
	uint32_t number;
	uint8_t filler[MAX_FRAME - 24];
};

struct queue {
	unsigned int index;
	unsigned int slots;
	uint16_t seen;		/* entries of the used ring that were taken */
	uint8_t *buffers;
	uint64_t buffers_iova;
	struct vring vring;
};

struct net {
	struct vdev v;
	struct dma dma;
	struct queue queue[MAX_QUEUES];
	uint32_t features;
	bool msix;
	int fds[VECTORS];
	int socket;
	uint8_t mac[6];
	uint8_t pf_mac[6];
};

/* Frames on their way, of which each is to come once, in any order. */
struct batch {
	const uint8_t *to;
	const uint8_t *from;
	uint32_t first;
	uint32_t missing;	/* bit by bit */
};

FIXTURE(ring)
{
	struct net net;
};

/* An AF_PACKET socket on the PF's interface, which is up when this returns. */
static int pf_open(uint8_t mac[6])
{
	struct timeval timeout = { .tv_sec = LONG_MS / 1000 };
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE),
	};
	struct ifreq request = { };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);
	char path[128], state[32] = "";
	int buffer = 4 << 20;
	unsigned int tries;

	if (fd < 0)
		return -errno;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s",
		 env("PF_NETDEV"));
	if (ioctl(fd, SIOCGIFFLAGS, &request))
		goto fail;
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request) ||
	    ioctl(fd, SIOCGIFHWADDR, &request))
		goto fail;
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);

	snprintf(path, sizeof(path), "/sys/class/net/%s/operstate",
		 env("PF_NETDEV"));
	for (tries = 0; strcmp(state, "up") && tries < 100; tries++) {
		msleep(20);
		sysfs_read(path, state, sizeof(state));
	}

	if (ioctl(fd, SIOCGIFINDEX, &request))
		goto fail;
	address.sll_ifindex = request.ifr_ifindex;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)))
		goto fail;
	return fd;

fail:
	tries = errno;
	close(fd);
	return -tries;
}

/* Lengths and contents differ from frame to frame. */
static size_t frame_make(struct frame *frame, const uint8_t *to,
			 const uint8_t *from, uint32_t number)
{
	size_t len = MIN_FRAME + number * 37 % (MAX_FRAME - MIN_FRAME + 1);
	size_t i;

	memcpy(frame->to, to, sizeof(frame->to));
	memcpy(frame->from, from, sizeof(frame->from));
	frame->type = htons(ETHERTYPE);
	frame->reserved = 0;
	frame->run = getpid();
	frame->number = number;
	for (i = 0; i < sizeof(frame->filler); i++)
		frame->filler[i] = number + i * 7;
	return len;
}

/* Whether it is a frame of this run. */
static bool frame_is_ours(const struct frame *frame, size_t len)
{
	return len >= MIN_FRAME && frame->type == htons(ETHERTYPE) &&
	       frame->run == (uint32_t)getpid();
}

static bool frame_is(const struct frame *frame, size_t len, const uint8_t *to,
		     const uint8_t *from, uint32_t number)
{
	struct frame expected;

	return len == frame_make(&expected, to, from, number) &&
	       !memcmp(frame, &expected, len);
}

static struct batch batch_of(const uint8_t *to, const uint8_t *from,
			     uint32_t first, unsigned int count)
{
	return (struct batch){ to, from, first, ~0U >> (WINDOW - count) };
}

/*
 * Tick a frame off. @return: false if it is a frame of this run that should
 * not have come, or not like that. Other traffic doesn't matter.
 */
static bool batch_take(struct batch *batch, const struct frame *frame,
		       size_t len)
{
	uint32_t i = frame->number - batch->first;

	if (!frame_is_ours(frame, len))
		return true;
	if (i >= WINDOW || !(batch->missing & 1U << i) ||
	    !frame_is(frame, len, batch->to, batch->from, frame->number))
		return false;
	batch->missing &= ~(1U << i);
	return true;
}

static int pf_send(struct net *net, uint32_t number)
{
	struct frame frame;
	size_t len = frame_make(&frame, net->mac, net->pf_mac, number);

	return send(net->socket, &frame, len, 0) == (ssize_t)len ? 0 : -errno;
}

/* Whether the PF receives those frames and no other of this run. */
static bool pf_receives(struct net *net, uint32_t first, unsigned int count)
{
	struct batch batch = batch_of(net->pf_mac, net->mac, first, count);
	struct frame frame;
	ssize_t len;

	while (batch.missing) {
		len = recv(net->socket, &frame, sizeof(frame), 0);
		if (len < 0 || !batch_take(&batch, &frame, len))
			break;
	}
	if (batch.missing)
		printf("# PF: of %u frames from %u on, %08x missing\n", count,
		       first, batch.missing);
	return !batch.missing;
}

/* Nothing left in the socket. */
static bool pf_is_quiet(int socket)
{
	struct frame frame;
	ssize_t len;

	do {
		len = recv(socket, &frame, sizeof(frame), MSG_DONTWAIT);
		if (len < 0)
			return true;
	} while (!frame_is_ours(&frame, len));

	return false;
}

static unsigned int config_start(struct net *net)
{
	return VIRTIO_PCI_CONFIG_OFF(net->msix);
}

/* Reset, and all that goes before queues. */
static void begin(struct net *net, uint32_t wanted)
{
	struct vdev *v = &net->v;
	unsigned int i;

	io_set(v, REG_STATUS, 1, 0);
	io_set(v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);
	io_set(v, REG_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER);

	net->features = io_get(v, REG_HOST_FEATURES, 4) & wanted;
	io_set(v, REG_GUEST_FEATURES, 4, net->features);

	for (i = 0; i < sizeof(net->mac); i++)
		net->mac[i] = io_get(v, config_start(net) + i, 1);
}

static void live(struct net *net)
{
	io_set(&net->v, REG_STATUS, 1,
	       STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK);
}

/* Without an address yet. @return: whether the device has that queue. */
static bool queue_find(struct net *net, unsigned int index)
{
	struct queue *queue = &net->queue[index];
	uint8_t *memory = net->dma.va + index * QUEUE_MEMORY;
	unsigned int size;

	io_set(&net->v, REG_QUEUE_SEL, 2, index);
	size = io_get(&net->v, REG_QUEUE_SIZE, 2);
	if (!size || vring_size(size, RING_ALIGN) > RING_MEMORY)
		return false;

	memset(memory, 0, QUEUE_MEMORY);
	vring_init(&queue->vring, size, memory, RING_ALIGN);
	queue->index = index;
	queue->seen = 0;
	queue->slots = size / 2 < MAX_SLOTS ? size / 2 : MAX_SLOTS;
	queue->buffers = memory + RING_MEMORY;
	queue->buffers_iova = net->dma.iova + index * QUEUE_MEMORY +
			      RING_MEMORY;
	return true;
}

static uint32_t queue_pfn(struct net *net, unsigned int index)
{
	return (net->dma.iova + index * QUEUE_MEMORY) / RING_ALIGN;
}

static bool queue_setup(struct net *net, unsigned int index,
			unsigned int vector)
{
	if (!queue_find(net, index))
		return false;
	if (net->msix)
		io_set(&net->v, REG_QUEUE_VECTOR, 2, vector);
	io_set(&net->v, REG_QUEUE_PFN, 4, queue_pfn(net, index));
	return true;
}

static void kick(struct net *net, struct queue *queue)
{
	io_set(&net->v, REG_QUEUE_NOTIFY, 2, queue->index);
}

static struct frame *slot_frame(struct queue *queue, unsigned int slot)
{
	return (void *)(queue->buffers + slot * SLOT_MEMORY + FRAME_AT);
}

/* Give a slot to the device: its two descriptors, @len of frame. */
static void slot_post(struct queue *queue, unsigned int slot, size_t len)
{
	struct vring_desc *desc = &queue->vring.desc[slot * 2];
	uint64_t iova = queue->buffers_iova + slot * SLOT_MEMORY;
	struct vring_avail *avail = queue->vring.avail;
	bool receive = !(queue->index & 1);

	memset(queue->buffers + slot * SLOT_MEMORY, 0, NET_HDR_LEN);
	desc[0] = (struct vring_desc){
		.addr = iova,
		.len = NET_HDR_LEN,
		.flags = VRING_DESC_F_NEXT | (receive ? VRING_DESC_F_WRITE : 0),
		.next = slot * 2 + 1,
	};
	desc[1] = (struct vring_desc){
		.addr = iova + FRAME_AT,
		.len = len,
		.flags = receive ? VRING_DESC_F_WRITE : 0,
	};

	avail->ring[avail->idx % queue->vring.num] = slot * 2;
	__atomic_store_n(&avail->idx, avail->idx + 1, __ATOMIC_SEQ_CST);
}

static bool queue_has_used(struct queue *queue)
{
	return __atomic_load_n(&queue->vring.used->idx, __ATOMIC_SEQ_CST) !=
	       queue->seen;
}

static bool queue_wait(struct queue *queue, unsigned int ms)
{
	uint64_t end = now_us() + ms * 1000;

	while (!queue_has_used(queue)) {
		if (now_us() > end)
			return false;
		usleep(100);
	}
	return true;
}

/* Take back a slot that was used; its number or -1. */
static int slot_take(struct queue *queue, uint32_t *len, unsigned int ms)
{
	struct vring_used_elem *used;

	if (!queue_wait(queue, ms))
		return -1;
	used = &queue->vring.used->ring[queue->seen++ % queue->vring.num];
	*len = used->len;
	return used->id / 2;
}

static void transmit(struct net *net, struct queue *queue,
		     unsigned int slot, uint32_t number)
{
	slot_post(queue, slot, frame_make(slot_frame(queue, slot), net->pf_mac,
					  net->mac, number));
}

/* Give all slots to the device; it isn't told. */
static void receive_post(struct queue *queue)
{
	unsigned int slot;

	for (slot = 0; slot < queue->slots; slot++)
		slot_post(queue, slot, MAX_FRAME);
}

/* Look at one frame and give its slot to the device again. */
static bool receive_one(struct queue *queue, struct batch *batch)
{
	static const uint8_t no_offload[2];
	uint32_t len = 0;
	bool right;
	int slot;

	slot = slot_take(queue, &len, 0);
	if (slot < 0 || len < NET_HDR_LEN)
		return false;

	right = batch_take(batch, slot_frame(queue, slot), len - NET_HDR_LEN) &&
		!memcmp(queue->buffers + slot * SLOT_MEMORY, no_offload,
			sizeof(no_offload));
	slot_post(queue, slot, MAX_FRAME);
	return right;
}

/* The same as pf_receives() for the device, by whichever queue it chooses. */
static bool receives(struct net *net, uint32_t first, unsigned int count)
{
	struct batch batch = batch_of(net->mac, net->pf_mac, first, count);
	uint64_t end = now_us() + LONG_MS * 1000;
	bool right = true;
	unsigned int i;

	while (right && batch.missing && now_us() < end) {
		for (i = RX; i < MAX_QUEUES - 1; i += 2)
			while (right && net->queue[i].vring.num &&
			       queue_has_used(&net->queue[i]))
				right = receive_one(&net->queue[i], &batch);
		usleep(100);
	}
	if (!right || batch.missing)
		printf("# of %u frames from %u on, %08x missing%s\n", count, first,
		       batch.missing, right ? "" : ", others came");
	return right && !batch.missing;
}

/* Send and see to arrive @count frames from @first on, @WINDOW at a time. */
static void transmit_many(struct __test_metadata *_metadata,
			  struct net *net, struct queue *queue,
			  uint32_t first, unsigned int count)
{
	uint32_t number, len, i, taken = 0;

	for (number = first; number < first + count; number += WINDOW) {
		for (i = 0; i < WINDOW; i++)
			transmit(net, queue, (number + i) % queue->slots,
				 number + i);
		kick(net, queue);
		ASSERT_TRUE(pf_receives(net, number, WINDOW));
		for (i = 0; i < WINDOW; i++)
			taken += slot_take(queue, &len, LONG_MS) >= 0;
		ASSERT_EQ(number + WINDOW - first, taken);
	}
}

static void receive_many(struct __test_metadata *_metadata,
			 struct net *net, struct queue *queue,
			 uint32_t first, unsigned int count)
{
	uint32_t number, i, sent = 0;

	for (number = first; number < first + count; number += WINDOW) {
		for (i = 0; i < WINDOW; i++)
			sent += !pf_send(net, number + i);
		ASSERT_EQ(number + WINDOW - first, sent);
		ASSERT_TRUE(receives(net, number, WINDOW));
		kick(net, queue);
	}
}

FIXTURE_SETUP(ring)
{
	struct net *net = &self->net;

	if (card_present())
		card_defaults();
	net->socket = pf_open(net->pf_mac);
	ASSERT_LE(0, net->socket);
	ASSERT_EQ(0, vdev_open(&net->v, env("VFIO_BDF")));
	io_enable(&net->v);
	/* INTx has no handler here. */
	config_set(&net->v, PCI_COMMAND, 2,
		   config_get(&net->v, PCI_COMMAND, 2) |
		   PCI_COMMAND_INTX_DISABLE);
	ASSERT_EQ(0, dma_alloc(&net->v, &net->dma));
}

FIXTURE_TEARDOWN(ring)
{
	struct net *net = &self->net;

	/* Not every device is reset when it's closed. */
	io_enable(&net->v);
	io_set(&net->v, REG_STATUS, 1, 0);
	dma_free(&net->v, &net->dma);
	vdev_close(&net->v);
	close(net->socket);
}

static void with_msix(struct __test_metadata *_metadata,
		      struct net *net)
{
	ASSERT_EQ(0, msix_enable(&net->v, net->fds, VECTORS));
	net->msix = true;
}

TEST_F(ring, queue_registers)
{
	struct net *net = &self->net;
	struct vdev *v = &net->v;
	unsigned int index, size;

	begin(net, 0);
	for (index = RX; index <= TX; index++) {
		ASSERT_TRUE(queue_find(net, index));
		EXPECT_EQ(index, io_get(v, REG_QUEUE_SEL, 2));
		size = net->queue[index].vring.num;
		EXPECT_EQ(0, size & (size - 1));
		EXPECT_EQ(0, io_get(v, REG_QUEUE_PFN, 4));
		io_set(v, REG_QUEUE_PFN, 4, queue_pfn(net, index));
	}
	for (index = RX; index <= TX; index++) {
		io_set(v, REG_QUEUE_SEL, 2, index);
		EXPECT_EQ(queue_pfn(net, index), io_get(v, REG_QUEUE_PFN, 4));
		EXPECT_EQ(net->queue[index].vring.num,
			  io_get(v, REG_QUEUE_SIZE, 2));
	}

	/* There is no such queue. */
	io_set(v, REG_QUEUE_SEL, 2, 600);
	EXPECT_EQ(0, io_get(v, REG_QUEUE_SIZE, 2));
	EXPECT_EQ(0, io_get(v, REG_QUEUE_PFN, 4));
}

TEST_F(ring, transmit)
{
	struct net *net = &self->net;
	uint32_t len;

	begin(net, 1 << VIRTIO_NET_F_MAC);
	EXPECT_EQ(1 << VIRTIO_NET_F_MAC, net->features);
	ASSERT_TRUE(queue_setup(net, TX, NO_VECTOR));
	live(net);
	/* A device may look into its rings once without being told. */
	msleep(SHORT_MS);

	transmit(net, &net->queue[TX], 0, 1);
	kick(net, &net->queue[TX]);
	EXPECT_TRUE(pf_receives(net, 1, 1));
	EXPECT_EQ(0, slot_take(&net->queue[TX], &len, LONG_MS));
	EXPECT_EQ(0, len);
	EXPECT_TRUE(pf_is_quiet(net->socket));
}

/* The device is told which queue, with no access to Queue Notify. */
TEST_F(ring, transmit_by_eventfd)
{
	uint64_t notify = self->net.v.bar0 + REG_QUEUE_NOTIFY;
	struct net *net = &self->net;
	int events[2];
	uint32_t len;
	unsigned int i;

	for (i = RX; i <= TX; i++) {
		events[i] = eventfd(0, EFD_CLOEXEC);
		ASSERT_EQ(0, vdev_ioeventfd(&net->v, notify,
					    VFIO_DEVICE_IOEVENTFD_16, i,
					    events[i]));
	}
	begin(net, 1 << VIRTIO_NET_F_MAC);
	ASSERT_TRUE(queue_setup(net, TX, NO_VECTOR));
	live(net);
	msleep(SHORT_MS);

	transmit(net, &net->queue[TX], 0, 1);
	eventfd_write(events[RX], 1);
	EXPECT_EQ(-1, slot_take(&net->queue[TX], &len, SHORT_MS));
	eventfd_write(events[TX], 1);
	EXPECT_TRUE(pf_receives(net, 1, 1));
	EXPECT_EQ(0, slot_take(&net->queue[TX], &len, LONG_MS));
	EXPECT_TRUE(pf_is_quiet(net->socket));
	for (i = RX; i <= TX; i++)
		close(events[i]);
}

TEST_F(ring, receive)
{
	struct net *net = &self->net;

	begin(net, 1 << VIRTIO_NET_F_MAC);
	ASSERT_TRUE(queue_setup(net, RX, NO_VECTOR));
	receive_post(&net->queue[RX]);
	live(net);
	kick(net, &net->queue[RX]);

	ASSERT_EQ(0, pf_send(net, 1));
	EXPECT_TRUE(receives(net, 1, 1));
	ASSERT_EQ(0, pf_send(net, 2));
	EXPECT_TRUE(receives(net, 2, 1));
}

/* More frames than the ring has entries, more than once. */
TEST_F(ring, transmit_around)
{
	struct net *net = &self->net;

	begin(net, 1 << VIRTIO_NET_F_MAC);
	ASSERT_TRUE(queue_setup(net, TX, NO_VECTOR));
	live(net);
	transmit_many(_metadata, net, &net->queue[TX], 0,
		      net->queue[TX].vring.num * 3);
	EXPECT_TRUE(pf_is_quiet(net->socket));
}

TEST_F(ring, receive_around)
{
	struct net *net = &self->net;

	begin(net, 1 << VIRTIO_NET_F_MAC);
	ASSERT_TRUE(queue_setup(net, RX, NO_VECTOR));
	receive_post(&net->queue[RX]);
	live(net);
	kick(net, &net->queue[RX]);
	receive_many(_metadata, net, &net->queue[RX], 0,
		     net->queue[RX].vring.num * 3);
}

/*
 * Of the used ring's elements some begin on one page and end on the next. These two
 * are no neighbours in memory, where behind the first is one that nobody uses.
 */
TEST_F(ring, element_on_two_pages)
{
	const unsigned int across = (DMA_PAGE - 4) / sizeof(struct vring_used_elem);
	struct net *net = &self->net;
	struct queue *queue = &net->queue[RX];
	unsigned int page, i;
	uint8_t *behind;
	size_t used;

	if (target_is("oracle"))
		SKIP(return, "QEMU's own device goes past the IOMMU");
	begin(net, 1 << VIRTIO_NET_F_MAC);
	ASSERT_TRUE(queue_find(net, RX));
	if (queue->vring.num <= across)
		SKIP(return, "the used ring is shorter than a page");
	used = (uint8_t *)&queue->vring.used->ring[across] - net->dma.va;
	page = used / DMA_PAGE;
	ASSERT_NE(page, (used + sizeof(struct vring_used_elem) - 1) / DMA_PAGE);

	dma_free(&net->v, &net->dma);
	ASSERT_EQ(0, dma_alloc_parted(&net->v, &net->dma, page));
	behind = net->dma.va + net->dma.size - DMA_PAGE;
	memset(behind, POISON, DMA_PAGE);

	ASSERT_TRUE(queue_setup(net, RX, NO_VECTOR));
	receive_post(queue);
	live(net);
	kick(net, queue);
	receive_many(_metadata, net, queue, 0, queue->vring.num);
	for (i = 0; i < DMA_PAGE && behind[i] == POISON; i++)
		;
	EXPECT_EQ(DMA_PAGE, i);
}

TEST_F(ring, vectors)
{
	struct net *net = &self->net;
	struct vdev *v = &net->v;

	with_msix(_metadata, net);
	begin(net, 0);
	EXPECT_EQ(NO_VECTOR, io_get(v, REG_CONFIG_VECTOR, 2));
	io_set(v, REG_CONFIG_VECTOR, 2, 2);
	EXPECT_EQ(2, io_get(v, REG_CONFIG_VECTOR, 2));

	ASSERT_TRUE(queue_find(net, RX));
	EXPECT_EQ(NO_VECTOR, io_get(v, REG_QUEUE_VECTOR, 2));
	io_set(v, REG_QUEUE_VECTOR, 2, 1);
	ASSERT_TRUE(queue_find(net, TX));
	io_set(v, REG_QUEUE_VECTOR, 2, 0);
	EXPECT_EQ(0, io_get(v, REG_QUEUE_VECTOR, 2));
	io_set(v, REG_QUEUE_SEL, 2, RX);
	EXPECT_EQ(1, io_get(v, REG_QUEUE_VECTOR, 2));
	EXPECT_EQ(2, io_get(v, REG_CONFIG_VECTOR, 2));

	/* The device has no such vector, and says so. */
	io_set(v, REG_QUEUE_VECTOR, 2, 0x1000);
	EXPECT_EQ(NO_VECTOR, io_get(v, REG_QUEUE_VECTOR, 2));
	io_set(v, REG_CONFIG_VECTOR, 2, 0x1000);
	EXPECT_EQ(NO_VECTOR, io_get(v, REG_CONFIG_VECTOR, 2));
}

TEST_F(ring, interrupt_of_the_queue)
{
	struct net *net = &self->net;

	with_msix(_metadata, net);
	begin(net, 1 << VIRTIO_NET_F_MAC);
	io_set(&net->v, REG_CONFIG_VECTOR, 2, 0);
	ASSERT_TRUE(queue_setup(net, RX, 1));
	ASSERT_TRUE(queue_setup(net, TX, 2));
	/* The network has other traffic, too. */
	net->queue[RX].vring.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	receive_post(&net->queue[RX]);
	live(net);
	kick(net, &net->queue[RX]);

	transmit(net, &net->queue[TX], 0, 1);
	kick(net, &net->queue[TX]);
	EXPECT_TRUE(eventfd_wait(net->fds[2], LONG_MS));
	EXPECT_TRUE(queue_has_used(&net->queue[TX]));
	EXPECT_FALSE(eventfd_wait(net->fds[1], SHORT_MS));
	EXPECT_FALSE(eventfd_wait(net->fds[0], 0));

	net->queue[RX].vring.avail->flags = 0;
	ASSERT_EQ(0, pf_send(net, 2));
	EXPECT_TRUE(eventfd_wait(net->fds[1], LONG_MS));
	EXPECT_TRUE(receives(net, 2, 1));
	EXPECT_FALSE(eventfd_wait(net->fds[2], SHORT_MS));
	EXPECT_FALSE(eventfd_wait(net->fds[0], 0));
}

TEST_F(ring, no_vector_no_interrupt)
{
	struct net *net = &self->net;
	bool any = false;
	unsigned int i;

	with_msix(_metadata, net);
	begin(net, 1 << VIRTIO_NET_F_MAC);
	ASSERT_TRUE(queue_setup(net, TX, NO_VECTOR));
	live(net);

	transmit(net, &net->queue[TX], 0, 1);
	kick(net, &net->queue[TX]);
	EXPECT_TRUE(queue_wait(&net->queue[TX], LONG_MS));
	msleep(SHORT_MS);
	for (i = 0; i < VECTORS; i++)
		any |= eventfd_wait(net->fds[i], 0);
	EXPECT_FALSE(any);
}

/* The driver asked for none, and by the same ring for one. */
TEST_F(ring, suppressed_interrupt)
{
	struct net *net = &self->net;
	struct queue *queue = &net->queue[TX];
	uint32_t len;

	with_msix(_metadata, net);
	begin(net, 1 << VIRTIO_NET_F_MAC);
	ASSERT_TRUE(queue_setup(net, TX, 2));
	live(net);

	queue->vring.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	transmit(net, queue, 0, 1);
	kick(net, queue);
	EXPECT_EQ(0, slot_take(queue, &len, LONG_MS));
	EXPECT_FALSE(eventfd_wait(net->fds[2], SHORT_MS));

	queue->vring.avail->flags = 0;
	transmit(net, queue, 0, 2);
	kick(net, queue);
	EXPECT_TRUE(eventfd_wait(net->fds[2], LONG_MS));
}

TEST_F(ring, isr)
{
	struct net *net = &self->net;
	struct vdev *v = &net->v;
	unsigned int isr = 0;
	uint64_t end;

	begin(net, 1 << VIRTIO_NET_F_MAC);
	ASSERT_TRUE(queue_setup(net, TX, NO_VECTOR));
	live(net);
	EXPECT_EQ(0, io_get(v, REG_ISR, 1));

	transmit(net, &net->queue[TX], 0, 1);
	kick(net, &net->queue[TX]);
	EXPECT_TRUE(queue_wait(&net->queue[TX], LONG_MS));
	for (end = now_us() + LONG_MS * 1000; !isr && now_us() < end;)
		isr = io_get(v, REG_ISR, 1);
	EXPECT_EQ(1, isr);
	EXPECT_EQ(0, io_get(v, REG_ISR, 1));
}

/* The rings have no address, and frames don't touch them. */
static void check_stopped(struct __test_metadata *_metadata,
			  struct net *net)
{
	unsigned int index;

	EXPECT_EQ(0, io_get(&net->v, REG_STATUS, 1));
	for (index = RX; index <= TX; index++) {
		io_set(&net->v, REG_QUEUE_SEL, 2, index);
		EXPECT_EQ(0, io_get(&net->v, REG_QUEUE_PFN, 4));
	}

	while (queue_has_used(&net->queue[RX]))
		net->queue[RX].seen++;
	ASSERT_EQ(0, pf_send(net, 2));
	transmit(net, &net->queue[TX], 0, 3);
	kick(net, &net->queue[TX]);
	msleep(SHORT_MS);
	EXPECT_FALSE(queue_has_used(&net->queue[RX]));
	EXPECT_FALSE(queue_has_used(&net->queue[TX]));
	EXPECT_TRUE(pf_is_quiet(net->socket));
}

static void run_rings(struct __test_metadata *_metadata,
		      struct net *net)
{
	begin(net, 1 << VIRTIO_NET_F_MAC);
	ASSERT_TRUE(queue_setup(net, RX, NO_VECTOR));
	ASSERT_TRUE(queue_setup(net, TX, NO_VECTOR));
	receive_post(&net->queue[RX]);
	live(net);
	kick(net, &net->queue[RX]);
	ASSERT_EQ(0, pf_send(net, 1));
	ASSERT_TRUE(receives(net, 1, 1));
}

TEST_F(ring, device_reset_stops)
{
	struct net *net = &self->net;

	run_rings(_metadata, net);
	io_set(&net->v, REG_STATUS, 1, 0);
	check_stopped(_metadata, net);
	run_rings(_metadata, net);
}

/*
 * Reset a device whose reset takes RESET_MS, and use the memory of its rings for
 * something else at once, as an old driver does, while frames come in.
 * @return: whether the device wrote to it.
 */
static bool writes_after_reset(struct net *net)
{
	unsigned int index, frames, i;
	bool written = false;
	struct queue *queue;
	uint8_t *used;

	card_set_number("reset-ms", RESET_MS);
	io_set(&net->v, REG_STATUS, 1, 0);
	for (index = RX; index <= TX; index++) {
		queue = &net->queue[index];
		used = (uint8_t *)queue->vring.used;
		memset(used, POISON, queue->buffers + MAX_SLOTS * SLOT_MEMORY -
				     used);
	}

	for (frames = 0; frames < RESET_MS * 2 / FRAME_EVERY_MS; frames++) {
		pf_send(net, frames);
		msleep(FRAME_EVERY_MS);
	}

	for (index = RX; index <= TX; index++) {
		queue = &net->queue[index];
		used = (uint8_t *)queue->vring.used;
		for (i = 0; used + i < queue->buffers + MAX_SLOTS * SLOT_MEMORY; i++)
			written |= used[i] != POISON;
	}
	return written;
}

TEST_F(ring, freed_at_reset)
{
	struct net *net = &self->net;

	if (target_is("oracle"))
		SKIP(return, "not a device that takes its time");

	run_rings(_metadata, net);
	EXPECT_FALSE(writes_after_reset(net));
	card_set_number("reset-ms", 0);
	run_rings(_metadata, net);
}

/* That the test above can fail. */
TEST_F(ring, freed_too_early)
{
	struct net *net = &self->net;

	if (!target_is("ours"))
		SKIP(return, "a parameter of our driver");

	ASSERT_EQ(0, param_set("legacy_reset_timeout", "0"));
	run_rings(_metadata, net);
	EXPECT_TRUE(writes_after_reset(net));
	EXPECT_EQ(0, param_set("legacy_reset_timeout", "2000"));
}

/*
 * Old drivers don't wait for DRIVER_OK before they ring, read the configuration
 * before they say which features they know, and say that of those alone which a
 * legacy device can have. Some say nothing.
 */
TEST_F(ring, driver_of_old)
{
	struct net *net = &self->net;
	struct vdev *v = &net->v;
	unsigned int i;

	io_set(v, REG_STATUS, 1, 0);
	for (i = 0; i < sizeof(net->mac); i++)
		net->mac[i] = io_get(v, config_start(net) + i, 1);
	EXPECT_EQ(0, memcmp(net->mac, "\x52\x54\x00", 3));
	io_get(v, config_start(net) + 6, 2);

	/* No status, no features: rings first, and both rung. */
	ASSERT_TRUE(queue_setup(net, RX, NO_VECTOR));
	ASSERT_TRUE(queue_setup(net, TX, NO_VECTOR));
	receive_post(&net->queue[RX]);
	kick(net, &net->queue[RX]);
	transmit(net, &net->queue[TX], 0, 1);
	kick(net, &net->queue[TX]);
	msleep(SHORT_MS);

	/* What it does with them then is the device's; none is lost. */
	io_set(v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);
	io_set(v, REG_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	live(net);
	EXPECT_TRUE(pf_receives(net, 1, 1));
	ASSERT_EQ(0, pf_send(net, 2));
	EXPECT_TRUE(receives(net, 2, 1));
	transmit_many(_metadata, net, &net->queue[TX], 3, WINDOW);
}

TEST_F(ring, function_reset_stops)
{
	struct net *net = &self->net;

	if (!(net->v.info.flags & VFIO_DEVICE_FLAGS_RESET))
		SKIP(return, "the function can't be reset");

	run_rings(_metadata, net);
	ASSERT_EQ(0, vdev_reset(&net->v));
	io_enable(&net->v);
	check_stopped(_metadata, net);
	run_rings(_metadata, net);
}

TEST_F(ring, legacy_active)
{
	struct net *net = &self->net;
	const char *bdf = net->v.bdf;

	if (!target_is("ours"))
		SKIP(return, "a sysfs file of our driver");

	EXPECT_EQ(0, vf_get(bdf, "legacy_active"));
	run_rings(_metadata, net);
	EXPECT_EQ(1, vf_get(bdf, "legacy_active"));
	io_set(&net->v, REG_STATUS, 1, 0);
	EXPECT_EQ(0, vf_get(bdf, "legacy_active"));
}

/* VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET; what the device says, -1 for nothing. */
static int set_pairs(struct net *net, struct queue *control,
		     uint16_t pairs)
{
	uint8_t *buffer = control->buffers;
	uint64_t iova = control->buffers_iova;
	struct vring_avail *avail = control->vring.avail;
	uint32_t len;

	buffer[0] = VIRTIO_NET_CTRL_MQ;
	buffer[1] = VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET;
	memcpy(buffer + 16, &pairs, sizeof(pairs));
	buffer[32] = 0xff;

	control->vring.desc[0] = (struct vring_desc){
		iova, CONTROL_LEN, VRING_DESC_F_NEXT, 1
	};
	control->vring.desc[1] = (struct vring_desc){
		iova + 16, sizeof(pairs), VRING_DESC_F_NEXT, 2
	};
	control->vring.desc[2] = (struct vring_desc){
		iova + 32, 1, VRING_DESC_F_WRITE, 0
	};
	avail->ring[avail->idx % control->vring.num] = 0;
	__atomic_store_n(&avail->idx, avail->idx + 1, __ATOMIC_SEQ_CST);
	kick(net, control);

	return slot_take(control, &len, LONG_MS) ? -1 : buffer[32];
}

TEST_F(ring, multi_queue)
{
	struct net *net = &self->net;
	uint32_t wanted = 1 << VIRTIO_NET_F_MAC | 1 << VIRTIO_NET_F_CTRL_VQ |
			  1 << VIRTIO_NET_F_MQ;
	unsigned int pairs, index, i;
	bool found = true;

	/* As a guest has it, and where the legacy configuration ends latest. */
	with_msix(_metadata, net);
	begin(net, wanted);
	pairs = io_get(&net->v, config_start(net) + 8, 2);
	if (target_is("oracle") && (net->features != wanted || pairs < 2))
		SKIP(return, "one pair for want of a multi-queue backend");
	ASSERT_EQ(wanted, net->features);
	ASSERT_LE(2, pairs);
	ASSERT_GE(0x8000, pairs);

	/* The control queue comes after the last pair that there could be. */
	ASSERT_EQ(MAX_QUEUES - 1, 2 * pairs);
	for (index = 0; index < MAX_QUEUES; index++)
		found &= queue_setup(net, index, index == TX + 2 ?
				     VECTORS - 1 : NO_VECTOR);
	ASSERT_TRUE(found);
	receive_post(&net->queue[RX]);
	receive_post(&net->queue[RX + 2]);
	live(net);
	kick(net, &net->queue[RX]);
	kick(net, &net->queue[RX + 2]);

	EXPECT_EQ(VIRTIO_NET_ERR,
		  set_pairs(net, &net->queue[2 * pairs], pairs + 1));
	ASSERT_EQ(VIRTIO_NET_OK, set_pairs(net, &net->queue[2 * pairs], 2));

	/* Each transmit queue is its own, and both carry on. */
	for (i = 0; i < 4; i++) {
		index = i & 1 ? TX : TX + 2;
		transmit(net, &net->queue[index], i, i);
		kick(net, &net->queue[index]);
		EXPECT_TRUE(pf_receives(net, i, 1));
		EXPECT_TRUE(queue_wait(&net->queue[index], LONG_MS));
		EXPECT_EQ(index != TX,
			  eventfd_wait(net->fds[VECTORS - 1],
				       index != TX ? LONG_MS : SHORT_MS));
	}

	/* The device chooses where to receive, but it loses none. */
	for (i = 0; i < WINDOW; i++) {
		ASSERT_EQ(0, pf_send(net, i));
		ASSERT_TRUE(receives(net, i, 1));
	}
}

struct hammer {
	struct net *net;
	atomic_bool stop;
	atomic_ulong rung;
	atomic_uint failed;
};

static void *hammer_doorbell(void *arg)
{
	struct hammer *hammer = arg;
	uint16_t queue = 0;

	while (!atomic_load(&hammer->stop)) {
		queue ^= 1;
		if (bar0_write(&hammer->net->v, REG_QUEUE_NOTIFY, &queue,
			       sizeof(queue)) != sizeof(queue))
			atomic_fetch_add(&hammer->failed, 1);
		atomic_fetch_add(&hammer->rung, 1);
	}
	return NULL;
}

/* Frames are transmitted and received while eight threads ring both queues. */
TEST_F(ring, doorbells_lose_nothing)
{
	struct net *net = &self->net;
	struct hammer hammer = { .net = net };
	pthread_t threads[THREADS];
	uint32_t number = 0;
	unsigned int i;
	uint64_t end;

	begin(net, 1 << VIRTIO_NET_F_MAC);
	ASSERT_TRUE(queue_setup(net, RX, NO_VECTOR));
	ASSERT_TRUE(queue_setup(net, TX, NO_VECTOR));
	receive_post(&net->queue[RX]);
	live(net);
	kick(net, &net->queue[RX]);

	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, hammer_doorbell,
					    &hammer));
	}

	for (end = now_us() + HAMMER_US; now_us() < end; number += WINDOW) {
		transmit_many(_metadata, net, &net->queue[TX], number, WINDOW);
		receive_many(_metadata, net, &net->queue[RX], number, WINDOW);
	}

	atomic_store(&hammer.stop, true);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	TH_LOG("%u frames each way, %lu doorbells", number,
	       atomic_load(&hammer.rung));
	EXPECT_EQ(0, atomic_load(&hammer.failed));
	EXPECT_LT(THREADS, atomic_load(&hammer.rung));
	EXPECT_TRUE(pf_is_quiet(net->socket));
}

TEST_HARNESS_MAIN
