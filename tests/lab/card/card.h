/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtio-net SR-IOV card with an administration virtqueue, for QEMU 10.0.
 *
 * Two QEMU device types: "virtio-card" is the PF, the owner device, and
 * "virtio-card-vf" a VF, a member device. Both are functions with the modern
 * virtio-pci registers in front of QEMU's own virtio-net; rings and device
 * behaviour are QEMU's, only the transport is the card's:
 *
 *   function.c  a PCI function: capabilities, modern registers, interrupts
 *   legacy.c    the legacy registers of a function, field by field
 *   admin.c     the administration virtqueue, its list and legacy commands
 *   parts.c     commands for capabilities, resource objects and device parts
 *   knobs.c     QOM properties: what to do wrong, and what was counted
 *   card.c      the two device types, SR-IOV
 *   switch.c    the switch between all functions
 *
 * BAR4 (64 bits, prefetchable) is the only BAR of any function; what lies
 * where in it is below. To put another QEMU network device on the card's
 * switch, join it and the card by a hub:
 *
 *   -netdev hubport,id=uplink,hubid=1 -netdev hubport,id=other,hubid=1
 *   -device virtio-card,id=card,bus=PORT,netdev=uplink
 *   -device virtio-net-pci,netdev=other
 */
#ifndef CARD_H
#define CARD_H

#include "hw/pci/pci_device.h"
#include "hw/virtio/virtio-bus.h"
#include "hw/virtio/virtio-net.h"
#include "net/net.h"
#include "qom/object.h"

#define TYPE_CARD       "virtio-card"
#define TYPE_CARD_VF    "virtio-card-vf"
#define TYPE_CARD_FN    "virtio-card-function"
#define TYPE_CARD_BUS   "virtio-card-bus"
OBJECT_DECLARE_SIMPLE_TYPE(Card, CARD)
OBJECT_DECLARE_SIMPLE_TYPE(CardFn, CARD_FN)

#define CARD_DEVICE_ID  0x1041
#define CARD_MAX_VFS    254
#define CARD_PAIRS      2
#define CARD_MTU        1500
#define CARD_VECTORS    8
#define CARD_NET_QUEUES (2 * CARD_PAIRS + 1)

/*
 * virtio-net takes all queues up to the first gap for its own and moves its
 * control queue among them, so the admin queue keeps its distance.
 */
#define CARD_ADMIN_VQ   64
#define CARD_ADMIN_SIZE 64
#define CARD_QUEUES     (CARD_ADMIN_VQ + 1)

/* BAR4 */
#define CARD_BAR            4
#define CARD_BAR_COMMON     0x0000
#define CARD_BAR_ISR        0x1000
#define CARD_BAR_CONFIG     0x2000
#define CARD_BAR_NOTIFY     0x3000
#define CARD_BAR_MSIX       0x4000
#define CARD_BAR_PBA        0x5000
#define CARD_BAR_LEGACY     0x6000
#define CARD_BAR_SIZE       0x8000
#define CARD_NOTIFY_MULT    4
#define CARD_SRIOV          0x200   /* the capability of the PF */

/*
 * Legacy notification addresses: one in a VF's own BAR and one for each VF
 * in the PF's. They are aligned to 2 bytes only, on purpose.
 */
#define CARD_LEGACY_MEMBER      (CARD_BAR_LEGACY + 2)
#define CARD_LEGACY_OWNER(vf)   (CARD_BAR_LEGACY + 4 * (vf) + 2)

/* Resource objects for device parts: to get them, and to set them */
#define CARD_PARTS_LIMIT    8
#define CARD_OBJECTS        (2 * CARD_PARTS_LIMIT)

typedef struct CardPort CardPort;
typedef struct CardCmd CardCmd;
typedef struct CardState CardState;

typedef struct CardQueue {
    uint16_t size;
    bool enabled;
    bool resetting;             /* until then with the quirk "stuck" */
    uint32_t desc[2];
    uint32_t avail[2];
    uint32_t used[2];
} CardQueue;

struct CardFn {
    PCIDevice pci;

    VirtioBusState bus;
    VirtIONet net;
    unsigned id;                /* member id; 0 is the PF */

    MemoryRegion bar;
    MemoryRegion common;
    MemoryRegion isr;
    MemoryRegion config;
    MemoryRegion notify;
    MemoryRegion legacy;

    uint8_t common_cap;         /* where these capabilities are */
    uint8_t notify_cap;
    uint32_t dfselect;
    uint32_t gfselect;
    uint32_t guest_features[2];
    CardQueue queue[CARD_QUEUES];

    QEMUTimer *reset;           /* under way, for knobs.reset_ms */
    bool stopped;               /* by DEV_MODE_SET */
    CardState *staged;          /* set by DEV_PARTS_SET, until it resumes */
};

#define CARD_NOTIFY_ENTRIES 4

/* What the PF may do, by the words of knobs.c in their order */
typedef enum CardQuirk {
    CARD_QUIRK_NO_COMMON        = 1 << 0,
    CARD_QUIRK_OLD              = 1 << 1,
    CARD_QUIRK_NO_VERSION_1     = 1 << 2,
    CARD_QUIRK_NO_SR_IOV        = 1 << 3,
    CARD_QUIRK_NO_VFS           = 1 << 4,
    CARD_QUIRK_PACKED           = 1 << 5,
    CARD_QUIRK_OWN_ADMIN        = 1 << 6,
    CARD_QUIRK_ABSENT_ADMIN     = 1 << 7,
    CARD_QUIRK_CONFIG_VECTOR    = 1 << 8,
    CARD_QUIRK_QUEUE_VECTOR     = 1 << 9,
    CARD_QUIRK_ADMIN_VECTOR     = 1 << 10,
    CARD_QUIRK_NOTIFY_ODD       = 1 << 11,
    CARD_QUIRK_NOTIFY_FAR       = 1 << 12,
    CARD_QUIRK_NOTIFY_OUT       = 1 << 13,
    CARD_QUIRK_NOTIFY_APART     = 1 << 14,
    CARD_QUIRK_STUCK            = 1 << 15,
    CARD_QUIRK_VFS_LATE         = 1 << 16,
    CARD_QUIRKS_END             = 1 << 17,
} CardQuirk;

/* How the card is told to behave; see knobs.c. */
typedef struct CardKnobs {
    uint64_t supported_cmds;
    bool letter;
    char *notify_entries;
    uint32_t fail_opcode;
    uint16_t fail_status;
    uint16_t fail_qualifier;
    uint32_t fail_count;
    int32_t reply_size_delta;
    uint32_t garbage_opcode;
    uint32_t delay_ms;
    uint32_t delay_opcode;
    uint32_t jitter_ms;
    uint32_t drop_opcode;
    uint16_t admin_size;
    uint32_t reset_ms;
    bool reset_flr;
    bool config_churn;
    bool gone;
    uint16_t vectors;
    uint32_t quirks;            /* CardQuirk */
} CardKnobs;

#define CARD_OPCODE_NONE    UINT32_MAX
#define CARD_OPCODE_ALL     UINT32_MAX
#define CARD_OPCODES        18

typedef struct CardCounters {
    uint64_t cmds_total;
    uint64_t cmd[CARD_OPCODES];
    uint64_t cmd_errors;
    uint64_t notify_member;
    uint64_t notify_owner;
    uint64_t notify_cmd;
    uint64_t overtaken;
    uint64_t parallel;
    uint64_t parallel_member;
} CardCounters;

typedef struct CardObject {
    uint64_t member;            /* 0: there is none of that number */
    uint8_t type;
} CardObject;

struct Card {
    CardFn fn;

    uint16_t max_vfs;
    bool vf_bar0;
    NICPeers uplink;
    CardPort *port[CARD_MAX_VFS + 2][CARD_PAIRS]; /* by function; uplink last */
    GHashTable *macs;

    VirtQueue *admin;
    uint64_t used_cmds[2];      /* by group type */
    QLIST_HEAD(, CardCmd) pending;

    uint8_t parts_limit[2];     /* the driver's, by type of object */
    CardObject object[CARD_OBJECTS];

    CardKnobs knobs;
    CardCounters counters;
    char last_error[128];
    char config_written[128];
    int64_t vfs_back;           /* when they are, after a reset; vfs-late */
    uint8_t churn;
};

/* function.c */
static inline VirtIODevice *card_fn_vdev(CardFn *fn)
{
    return VIRTIO_DEVICE(&fn->net);
}

void card_fn_realize(CardFn *fn, Card *card, unsigned id, Error **errp);
void card_fn_unrealize(CardFn *fn);
void card_fn_reset(CardFn *fn);
/* Device Status as the driver writes it, by whichever interface */
void card_fn_set_status(CardFn *fn, uint8_t val);
void card_fn_notify(CardFn *fn, uint16_t queue);
void card_fn_queue_enable(CardFn *fn, unsigned n);
Card *card_of_fn(CardFn *fn);
/* After a change of what lets it use its queues: mode, bus mastering */
void card_fn_update(CardFn *fn);
void card_fn_write_config(PCIDevice *pci, uint32_t addr, uint32_t val, int len);
/* What the PF says that it has and can: after a change of quirks or vectors */
void card_fn_identity_changed(Card *card);

/* legacy.c; false: not inside of one field */
bool card_legacy_read(CardFn *fn, unsigned offset, uint8_t *data, size_t len);
bool card_legacy_write(CardFn *fn, unsigned offset, const uint8_t *data,
                       size_t len);
bool card_legacy_config_read(CardFn *fn, unsigned offset, uint8_t *data,
                             size_t len);
bool card_legacy_config_write(CardFn *fn, unsigned offset, const uint8_t *data,
                              size_t len);

/* admin.c */
void card_admin_realize(Card *card);
void card_admin_reset(Card *card);

/* parts.c */
void card_parts_reset(Card *card);
void card_parts_fn_reset(CardFn *fn);

/* knobs.c */
static inline bool card_has_quirk(Card *card, CardQuirk quirk)
{
    return card->knobs.quirks & quirk;
}

typedef struct CardNotifyEntry {
    uint8_t flags;
    uint8_t bar;
    uint64_t offset;
} CardNotifyEntry;

void card_knobs_init(Card *card);
void card_knobs_notify_entries(Card *card, unsigned vf,
                               CardNotifyEntry entry[CARD_NOTIFY_ENTRIES]);

/* card.c */
CardFn *card_member(Card *card, uint64_t id);

/* switch.c */
void card_switch_init(Card *card);
void card_switch_connect(Card *card, CardFn *fn);
void card_switch_connect_uplink(Card *card);

#endif
