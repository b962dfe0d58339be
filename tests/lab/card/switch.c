/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The switch on the card. Every function has a port on it, with one network
 * client for each of its queue pairs; the uplink goes to another netdev.
 *
 * It learns addresses, floods what it does not know, and never makes a sender
 * wait: what a port cannot take is kept for it up to a limit, then dropped.
 */
#include "qemu/osdep.h"
#include "net/eth.h"
#include "card.h"

#define MAX_ADDRESSES   4096
#define MAX_BACKLOG     512

struct CardPort {
    NetClientState nc;
    Card *card;
    unsigned fn;
    unsigned backlog;
};

static CardPort *card_port(NetClientState *nc)
{
    return container_of(nc, CardPort, nc);
}

static gpointer card_mac_key(const uint8_t *mac)
{
    uint64_t key = 0;

    memcpy(&key, mac, ETH_ALEN);
    return (gpointer)(uintptr_t)key;
}

static void card_port_sent(NetClientState *nc, ssize_t ret)
{
    card_port(nc)->backlog--;
}

static bool card_port_is_up(CardPort *port)
{
    NetClientState *peer = port ? port->nc.peer : NULL;

    return peer && !peer->link_down &&
           (!peer->info->can_receive || peer->info->can_receive(peer));
}

/* One flow stays in one queue. */
static unsigned card_flow_queue(const uint8_t *frame, size_t size)
{
    unsigned hash = 0;

    for (size_t i = ETH_HLEN + 12; i < MIN(size, ETH_HLEN + 24); i++) {
        hash += frame[i];
    }
    return hash % CARD_PAIRS;
}

static void card_switch_send(Card *card, unsigned fn, const uint8_t *frame,
                             size_t size)
{
    CardPort *port = card->port[fn][card_flow_queue(frame, size)];

    if (!card_port_is_up(port)) {
        port = card->port[fn][0];
    }
    if (!card_port_is_up(port) || port->backlog >= MAX_BACKLOG) {
        return;
    }

    /* Counted first: what goes out at once calls nobody back. */
    port->backlog++;
    if (qemu_send_packet_async(&port->nc, frame, size, card_port_sent)) {
        port->backlog--;
    }
}

static ssize_t card_port_receive(NetClientState *nc, const uint8_t *frame,
                                 size_t size)
{
    CardPort *from = card_port(nc);
    Card *card = from->card;
    const struct eth_header *eth = (const struct eth_header *)frame;
    gpointer to;

    if (size < ETH_HLEN) {
        return size;
    }

    if (!is_multicast_ether_addr(eth->h_source)) {
        if (g_hash_table_size(card->macs) >= MAX_ADDRESSES) {
            g_hash_table_remove_all(card->macs);
        }
        g_hash_table_insert(card->macs, card_mac_key(eth->h_source),
                            GUINT_TO_POINTER(from->fn));
    }

    if (!is_multicast_ether_addr(eth->h_dest) &&
        g_hash_table_lookup_extended(card->macs, card_mac_key(eth->h_dest),
                                     NULL, &to)) {
        if (GPOINTER_TO_UINT(to) != from->fn) {
            card_switch_send(card, GPOINTER_TO_UINT(to), frame, size);
        }
        return size;
    }

    for (unsigned fn = 0; fn < ARRAY_SIZE(card->port); fn++) {
        if (fn != from->fn && card->port[fn][0]) {
            card_switch_send(card, fn, frame, size);
        }
    }
    return size;
}

static void card_port_cleanup(NetClientState *nc)
{
    CardPort *port = card_port(nc);

    for (unsigned i = 0; i < CARD_PAIRS; i++) {
        if (port->card->port[port->fn][i] == port) {
            port->card->port[port->fn][i] = NULL;
        }
    }
}

static NetClientInfo card_port_info = {
    /* Any type that has no meaning to the rest of QEMU. */
    .type = NET_CLIENT_DRIVER_DGRAM,
    .size = sizeof(CardPort),
    .receive = card_port_receive,
    .cleanup = card_port_cleanup,
};

static NetClientState *card_port_new(Card *card, unsigned fn, unsigned queue,
                                     NetClientState *peer)
{
    /* QEMU knows the queues of one client by their common name. */
    g_autofree char *name = g_strdup_printf("card-port%u", fn);
    NetClientState *nc;

    nc = qemu_new_net_client(&card_port_info, peer, TYPE_CARD, name);
    card_port(nc)->card = card;
    card_port(nc)->fn = fn;
    card->port[fn][queue] = card_port(nc);
    return nc;
}

void card_switch_connect(Card *card, CardFn *fn)
{
    NICPeers *peers = &fn->net.nic_conf.peers;

    for (unsigned i = 0; i < CARD_PAIRS; i++) {
        peers->ncs[i] = card_port_new(card, fn->id, i, NULL);
    }
    peers->queues = CARD_PAIRS;
}

void card_switch_connect_uplink(Card *card)
{
    if (card->uplink.queues) {
        card_port_new(card, ARRAY_SIZE(card->port) - 1, 0, card->uplink.ncs[0]);
    }
}

void card_switch_init(Card *card)
{
    card->macs = g_hash_table_new(NULL, NULL);
}
