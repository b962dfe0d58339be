/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Commands for capabilities, resource objects and device parts. There is one
 * capability, VIRTIO_DEV_PARTS_CAP, and one type of object, by which the parts
 * of a VF are got or set.
 */
#include "qemu/osdep.h"
#include "standard-headers/linux/virtio_config.h"
#include "admin.h"

#define CARD_PART_DEV_FEATURES  0x100
#define CARD_PART_DRV_FEATURES  0x101
#define CARD_PART_COMMON_CFG    0x102
#define CARD_PART_STATUS        0x103
#define CARD_PART_VQ_CFG        0x104

#define CARD_FIXED_PARTS        4
#define CARD_PARTS              (CARD_FIXED_PARTS + CARD_NET_QUEUES)

typedef struct QEMU_PACKED CardVq {
    uint16_t size;
    uint16_t vector;
    uint16_t enabled;
    uint16_t reserved;
    uint64_t desc;
    uint64_t driver;
    uint64_t device;
} CardVq;

/* The values of all parts, little-endian, in the order of the specification */
struct QEMU_PACKED CardState {
    uint64_t device_features;
    uint64_t driver_features;
    uint16_t config_vector;
    uint8_t status;
    CardVq vq[CARD_NET_QUEUES];
};

typedef struct virtio_dev_part_hdr CardPart;

static const struct {
    CardPart hdr;
    size_t offset;
} card_fixed_parts[CARD_FIXED_PARTS] = {
    {
        .hdr.part_type = CARD_PART_DEV_FEATURES,
        .hdr.flags = BIT(VIRTIO_DEV_PART_F_OPTIONAL),
        .hdr.length = sizeof(uint64_t),
        .offset = offsetof(CardState, device_features),
    }, {
        .hdr.part_type = CARD_PART_DRV_FEATURES,
        .hdr.length = sizeof(uint64_t),
        .offset = offsetof(CardState, driver_features),
    }, {
        .hdr.part_type = CARD_PART_COMMON_CFG,
        .hdr.selector.pci_common_cfg.offset = VIRTIO_PCI_COMMON_MSIX,
        .hdr.length = sizeof(uint16_t),
        .offset = offsetof(CardState, config_vector),
    }, {
        .hdr.part_type = CARD_PART_STATUS,
        .hdr.length = sizeof(uint8_t),
        .offset = offsetof(CardState, status),
    },
};

/* The header of a part, and where its value is in CardState. */
static size_t card_part(unsigned n, CardPart *part)
{
    unsigned vq = n - CARD_FIXED_PARTS;

    if (n < CARD_FIXED_PARTS) {
        *part = card_fixed_parts[n].hdr;
        return card_fixed_parts[n].offset;
    }
    *part = (CardPart) {
        .part_type = CARD_PART_VQ_CFG,
        .selector.vq_index.index = vq,
        .length = sizeof(CardVq),
    };
    return offsetof(CardState, vq) + vq * sizeof(CardVq);
}

/* Which part a header names, whatever length it gives; CARD_PARTS if none. */
static unsigned card_part_find(const uint8_t *hdr, CardPart *part)
{
    unsigned n;

    for (n = 0; n < CARD_PARTS; n++) {
        card_part(n, part);
        if (lduw_le_p(hdr) == part->part_type &&
            !memcmp(hdr + offsetof(CardPart, selector), &part->selector,
                    sizeof(part->selector))) {
            break;
        }
    }
    return n;
}

static void card_state_get(CardFn *fn, CardState *state)
{
    VirtIODevice *vdev = card_fn_vdev(fn);
    CardQueue *q = fn->queue;

    if (fn->staged) {
        *state = *fn->staged;
        return;
    }
    state->device_features = cpu_to_le64(vdev->host_features);
    state->driver_features = cpu_to_le64(vdev->guest_features);
    state->config_vector = cpu_to_le16(vdev->config_vector);
    state->status = vdev->status;
    for (unsigned i = 0; i < CARD_NET_QUEUES; i++, q++) {
        state->vq[i] = (CardVq) {
            .size = cpu_to_le16(virtio_queue_get_num(vdev, i)),
            .vector = cpu_to_le16(virtio_queue_vector(vdev, i)),
            .enabled = cpu_to_le16(q->enabled),
            .desc = cpu_to_le64((uint64_t)q->desc[1] << 32 | q->desc[0]),
            .driver = cpu_to_le64((uint64_t)q->avail[1] << 32 | q->avail[0]),
            .device = cpu_to_le64((uint64_t)q->used[1] << 32 | q->used[0]),
        };
    }
}

static void card_queue_address(uint32_t half[2], uint64_t address)
{
    half[0] = le64_to_cpu(address);
    half[1] = le64_to_cpu(address) >> 32;
}

static void card_state_apply(CardFn *fn, const CardState *state)
{
    VirtIODevice *vdev = card_fn_vdev(fn);

    virtio_set_features(vdev, le64_to_cpu(state->driver_features));
    vdev->config_vector = le16_to_cpu(state->config_vector);
    for (unsigned i = 0; i < CARD_NET_QUEUES; i++) {
        const CardVq *vq = &state->vq[i];
        CardQueue *q = &fn->queue[i];

        q->size = le16_to_cpu(vq->size);
        card_queue_address(q->desc, vq->desc);
        card_queue_address(q->avail, vq->driver);
        card_queue_address(q->used, vq->device);
        virtio_queue_set_vector(vdev, i, le16_to_cpu(vq->vector));
        if (vq->enabled) {
            card_fn_queue_enable(fn, i);
        }
    }
    virtio_set_status(vdev, state->status);
}

/* Capabilities */

unsigned card_cmd_cap_list(CardCmd *cmd)
{
    stq_le_p(cmd->reply.result, BIT(VIRTIO_DEV_PARTS_CAP));
    cmd->result_len = sizeof(uint64_t);
    return 0;
}

unsigned card_cmd_cap_get(CardCmd *cmd)
{
    if (lduw_le_p(cmd->data) != VIRTIO_DEV_PARTS_CAP) {
        return CARD_NO_SUCH;
    }
    memset(cmd->reply.result, CARD_PARTS_LIMIT,
           sizeof(struct virtio_dev_parts_cap));
    cmd->result_len = sizeof(struct virtio_dev_parts_cap);
    return 0;
}

unsigned card_cmd_cap_set(CardCmd *cmd)
{
    struct virtio_admin_cmd_cap_set_data *data = (void *)cmd->data;
    Card *card = cmd->card;

    if (le16_to_cpu(data->id) != VIRTIO_DEV_PARTS_CAP) {
        return CARD_NO_SUCH;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(card->parts_limit); i++) {
        if (data->cap_specific_data[i] > CARD_PARTS_LIMIT) {
            return CARD_INVALID_FIELD;
        }
    }
    for (unsigned i = 0; i < CARD_OBJECTS; i++) {
        if (card->object[i].member) {
            return CARD_BUSY;
        }
    }
    memcpy(card->parts_limit, data->cap_specific_data,
           sizeof(card->parts_limit));
    return 0;
}

/* Resource objects */

typedef struct virtio_admin_cmd_resource_obj_cmd_hdr CardObjectHdr;

static uint32_t card_object_id(CardCmd *cmd)
{
    return le32_to_cpu(((CardObjectHdr *)cmd->data)->id);
}

/* The object that a command names, if the member has it. */
static CardObject *card_object(CardCmd *cmd)
{
    uint32_t id = card_object_id(cmd);
    CardObject *object = &cmd->card->object[id % CARD_OBJECTS];

    if (lduw_le_p(cmd->data) != VIRTIO_RESOURCE_OBJ_DEV_PARTS ||
        id >= CARD_OBJECTS || object->member != cmd->member->id) {
        return NULL;
    }
    return object;
}

static uint8_t *card_object_data(CardCmd *cmd)
{
    return ((struct virtio_admin_cmd_resource_obj_create_data *)
            cmd->data)->resource_obj_specific_data;
}

unsigned card_cmd_object_create(CardCmd *cmd)
{
    Card *card = cmd->card;
    uint32_t id = card_object_id(cmd);
    uint8_t type = *card_object_data(cmd);
    unsigned same = 0;

    if (lduw_le_p(cmd->data) != VIRTIO_RESOURCE_OBJ_DEV_PARTS) {
        return CARD_NO_SUCH;
    }
    if (type > VIRTIO_RESOURCE_OBJ_DEV_PARTS_TYPE_SET ||
        id >= card->parts_limit[0] + card->parts_limit[1]) {
        return CARD_INVALID_FIELD;
    }
    if (card->object[id].member) {
        return CARD_EXISTS;
    }
    for (unsigned i = 0; i < CARD_OBJECTS; i++) {
        same += card->object[i].member && card->object[i].type == type;
    }
    if (same >= card->parts_limit[type]) {
        return CARD_NO_SPACE;
    }
    card->object[id].member = cmd->member->id;
    card->object[id].type = type;
    return 0;
}

unsigned card_cmd_object_modify(CardCmd *cmd)
{
    CardObject *object = card_object(cmd);
    uint8_t type = *card_object_data(cmd);

    if (!object) {
        return CARD_NO_SUCH;
    }
    if (type > VIRTIO_RESOURCE_OBJ_DEV_PARTS_TYPE_SET) {
        return CARD_INVALID_FIELD;
    }
    object->type = type;
    return 0;
}

unsigned card_cmd_object_query(CardCmd *cmd)
{
    CardObject *object = card_object(cmd);

    if (!object) {
        return CARD_NO_SUCH;
    }
    cmd->reply.result[0] = object->type;
    cmd->result_len = sizeof(struct virtio_resource_obj_dev_parts);
    return 0;
}

unsigned card_cmd_object_destroy(CardCmd *cmd)
{
    CardObject *object = card_object(cmd);

    if (!object) {
        return CARD_NO_SUCH;
    }
    object->member = 0;
    return 0;
}

void card_parts_reset(Card *card)
{
    memset(card->parts_limit, 0, sizeof(card->parts_limit));
    memset(card->object, 0, sizeof(card->object));
}

/* Device parts */

static bool card_object_is(CardCmd *cmd, uint8_t type)
{
    CardObject *object = card_object(cmd);

    return object && object->type == type;
}

/* Adds a header, and its value where there is a state, to the result. */
static void card_part_put(CardCmd *cmd, unsigned n, const CardState *state)
{
    uint8_t *to = cmd->reply.result + cmd->result_len;
    CardPart part;
    size_t offset = card_part(n, &part);

    memcpy(to, &part, sizeof(part));
    cmd->result_len += sizeof(part);
    if (state) {
        memcpy(to + sizeof(part), (const uint8_t *)state + offset, part.length);
        cmd->result_len += part.length;
    }
}

unsigned card_cmd_parts_metadata(CardCmd *cmd)
{
    struct virtio_admin_cmd_dev_parts_metadata_data *data = (void *)cmd->data;
    size_t size = CARD_PARTS * sizeof(CardPart) + sizeof(CardState);

    if (!card_object_is(cmd, VIRTIO_RESOURCE_OBJ_DEV_PARTS_TYPE_GET)) {
        return CARD_NO_SUCH;
    }
    cmd->result_len = 2 * sizeof(uint32_t);
    stl_le_p(cmd->reply.result, CARD_PARTS);
    switch (data->type) {
    case VIRTIO_ADMIN_CMD_DEV_PARTS_METADATA_TYPE_SIZE:
        stl_le_p(cmd->reply.result, size);
        break;
    case VIRTIO_ADMIN_CMD_DEV_PARTS_METADATA_TYPE_COUNT:
        break;
    case VIRTIO_ADMIN_CMD_DEV_PARTS_METADATA_TYPE_LIST:
        for (unsigned i = 0; i < CARD_PARTS; i++) {
            card_part_put(cmd, i, NULL);
        }
        break;
    default:
        return CARD_INVALID_FIELD;
    }
    return cmd->result_len > cmd->room ? CARD_NO_ROOM : 0;
}

unsigned card_cmd_parts_get(CardCmd *cmd)
{
    struct virtio_admin_cmd_dev_parts_get_data *data = (void *)cmd->data;
    const uint8_t *hdr = (const uint8_t *)data->hdr_list;
    const uint8_t *end = cmd->data + cmd->data_len;
    bool wanted[CARD_PARTS] = {};
    CardState state;
    CardPart part;
    unsigned n;

    if (!card_object_is(cmd, VIRTIO_RESOURCE_OBJ_DEV_PARTS_TYPE_GET)) {
        return CARD_NO_SUCH;
    }
    switch (data->type) {
    case VIRTIO_ADMIN_CMD_DEV_PARTS_GET_TYPE_SELECTED:
        for (; hdr + sizeof(part) <= end; hdr += sizeof(part)) {
            n = card_part_find(hdr, &part);
            if (n < CARD_PARTS) {
                wanted[n] = true;
            }
        }
        break;
    case VIRTIO_ADMIN_CMD_DEV_PARTS_GET_TYPE_ALL:
        memset(wanted, true, sizeof(wanted));
        break;
    default:
        return CARD_INVALID_FIELD;
    }

    card_state_get(cmd->member, &state);
    for (n = 0; n < CARD_PARTS; n++) {
        if (wanted[n]) {
            card_part_put(cmd, n, &state);
        }
    }
    return 0;
}

/* Takes the value of one part over. The features of the device stay. */
static bool card_state_set(CardState *state, const uint8_t *hdr,
                           const uint8_t *value)
{
    CardPart part;
    unsigned n = card_part_find(hdr, &part);
    uint8_t *to = (uint8_t *)state;

    if (n == CARD_PARTS) {
        return hdr[offsetof(CardPart, flags)] & BIT(VIRTIO_DEV_PART_F_OPTIONAL);
    }
    if (ldl_le_p(hdr + offsetof(CardPart, length)) != part.length) {
        return false;
    }
    to += card_part(n, &part);
    if (part.part_type == CARD_PART_DEV_FEATURES) {
        return !memcmp(to, value, part.length);
    }
    memcpy(to, value, part.length);
    return true;
}

unsigned card_cmd_parts_set(CardCmd *cmd)
{
    const uint8_t *at = cmd->data + sizeof(CardObjectHdr);
    const uint8_t *end = cmd->data + cmd->data_len;
    const uint8_t *value;
    CardState state;
    size_t length;

    if (!card_object_is(cmd, VIRTIO_RESOURCE_OBJ_DEV_PARTS_TYPE_SET)) {
        return CARD_NO_SUCH;
    }
    if (!cmd->member->stopped) {
        return CARD_BUSY;
    }

    card_state_get(cmd->member, &state);
    /* What a driver adds to come to a multiple of 64 bits is shorter. */
    for (; at + sizeof(CardPart) <= end; at = value + length) {
        value = at + sizeof(CardPart);
        length = ldl_le_p(at + offsetof(CardPart, length));
        if (length > end - value || !card_state_set(&state, at, value)) {
            return CARD_INVALID_FIELD;
        }
    }
    if (!cmd->member->staged) {
        cmd->member->staged = g_new(CardState, 1);
    }
    *cmd->member->staged = state;
    return 0;
}

unsigned card_cmd_mode_set(CardCmd *cmd)
{
    CardFn *fn = cmd->member;
    bool stop = cmd->data[0] & BIT(VIRTIO_ADMIN_CMD_DEV_MODE_F_STOPPED);
    g_autofree CardState *staged = NULL;

    if (stop) {
        fn->stopped = true;
        card_fn_update(fn);
        return 0;
    }
    if (!fn->stopped) {
        return 0;
    }

    staged = g_steal_pointer(&fn->staged);
    if (staged) {
        card_fn_reset(fn);
        card_state_apply(fn, staged);
    }
    fn->stopped = false;
    card_fn_update(fn);
    for (unsigned i = 0; i < CARD_NET_QUEUES; i++) {
        card_fn_notify(fn, i);
    }
    return 0;
}

void card_parts_fn_reset(CardFn *fn)
{
    g_free(g_steal_pointer(&fn->staged));
    fn->stopped = false;
}
