/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The administration virtqueue of the PF, the two list commands of both groups
 * and the five legacy commands of the SR-IOV group.
 *
 * A command takes effect when it arrives, in the order of arrival, and by knobs
 * its answer can be delayed or withheld. Only jitter-ms delays the effect, too,
 * so that commands overtake each other.
 */
#include "qemu/osdep.h"
#include "hw/pci/pcie_sriov.h"
#include "qemu/iov.h"
#include "qemu/timer.h"
#include "admin.h"

#define CARD_LIST_CMDS      (BIT(VIRTIO_ADMIN_CMD_LIST_QUERY) | \
                             BIT(VIRTIO_ADMIN_CMD_LIST_USE))

/* Those of the self group, where no others are. */
#define CARD_CAP_CMDS       (BIT(VIRTIO_ADMIN_CMD_CAP_ID_LIST_QUERY) | \
                             BIT(VIRTIO_ADMIN_CMD_DEVICE_CAP_GET) | \
                             BIT(VIRTIO_ADMIN_CMD_DRIVER_CAP_SET))

static unsigned card_group(CardCmd *cmd)
{
    return le16_to_cpu(cmd->header.group_type);
}

/*
 * Linux looks for the capability commands in the list of the SR-IOV group, so
 * they are in that, too, unless the letter counts.
 */
static uint64_t card_supported_cmds(Card *card, unsigned group)
{
    uint64_t cmds = card->knobs.supported_cmds;

    if (group == VIRTIO_ADMIN_GROUP_TYPE_SELF) {
        cmds &= CARD_CAP_CMDS;
    } else if (card->knobs.letter) {
        cmds &= ~CARD_CAP_CMDS;
    }
    return cmds | CARD_LIST_CMDS;
}

/* And having used one list, it uses the other's. */
static uint64_t card_used_cmds(Card *card, unsigned group)
{
    uint64_t cmds = card->used_cmds[group];

    if (group == VIRTIO_ADMIN_GROUP_TYPE_SELF && !card->knobs.letter) {
        cmds |= card->used_cmds[VIRTIO_ADMIN_GROUP_TYPE_SRIOV] & CARD_CAP_CMDS;
    }
    return cmds & card_supported_cmds(card, group);
}

static unsigned card_cmd_list_query(CardCmd *cmd)
{
    stq_le_p(cmd->reply.result, card_supported_cmds(cmd->card, card_group(cmd)));
    cmd->result_len = sizeof(uint64_t);
    return 0;
}

static unsigned card_cmd_list_use(CardCmd *cmd)
{
    uint64_t list = ldq_le_p(cmd->data);

    if (list & ~card_supported_cmds(cmd->card, card_group(cmd))) {
        return CARD_INVALID_FIELD;
    }
    cmd->card->used_cmds[card_group(cmd)] = list;
    return 0;
}

/* What comes after the offset of a register */
static uint8_t *card_cmd_register(CardCmd *cmd, size_t *len)
{
    struct virtio_admin_cmd_legacy_wr_data *data = (void *)cmd->data;

    *len = MAX(cmd->data_len, sizeof(*data)) - sizeof(*data);
    return data->registers;
}

static unsigned card_cmd_common_write(CardCmd *cmd)
{
    uint8_t offset = cmd->data[0];
    size_t len;
    uint8_t *value = card_cmd_register(cmd, &len);

    if (!card_legacy_write(cmd->member, offset, value, len)) {
        return CARD_INVALID_FIELD;
    }
    if (offset / 2 == VIRTIO_PCI_QUEUE_NOTIFY / 2) {
        cmd->card->counters.notify_cmd++;
    }
    return 0;
}

static unsigned card_cmd_common_read(CardCmd *cmd)
{
    cmd->result_len = cmd->room;
    return card_legacy_read(cmd->member, cmd->data[0],
                            cmd->reply.result, cmd->room)
           ? 0 : CARD_INVALID_FIELD;
}

static unsigned card_cmd_config_write(CardCmd *cmd)
{
    size_t len;
    uint8_t *value = card_cmd_register(cmd, &len);

    return card_legacy_config_write(cmd->member, cmd->data[0], value, len)
           ? 0 : CARD_INVALID_FIELD;
}

static unsigned card_cmd_config_read(CardCmd *cmd)
{
    cmd->result_len = cmd->room;
    return card_legacy_config_read(cmd->member, cmd->data[0],
                                   cmd->reply.result, cmd->room)
           ? 0 : CARD_INVALID_FIELD;
}

static unsigned card_cmd_notify_info(CardCmd *cmd)
{
    CardNotifyEntry entry[CARD_NOTIFY_ENTRIES] = {};
    struct virtio_admin_cmd_notify_info_data *out = (void *)cmd->reply.result;

    card_knobs_notify_entries(cmd->card, cmd->member->id, entry);
    for (unsigned i = 0; i < ARRAY_SIZE(entry); i++) {
        out[i].flags = entry[i].flags;
        out[i].bar = entry[i].bar;
        stq_le_p(&out[i].offset, entry[i].offset);
    }
    cmd->result_len = CARD_NOTIFY_ENTRIES * sizeof(*out);
    return 0;
}

static unsigned (*const card_cmds[CARD_OPCODES])(CardCmd *cmd) = {
    [VIRTIO_ADMIN_CMD_LIST_QUERY] = card_cmd_list_query,
    [VIRTIO_ADMIN_CMD_LIST_USE] = card_cmd_list_use,
    [VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_WRITE] = card_cmd_common_write,
    [VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_READ] = card_cmd_common_read,
    [VIRTIO_ADMIN_CMD_LEGACY_DEV_CFG_WRITE] = card_cmd_config_write,
    [VIRTIO_ADMIN_CMD_LEGACY_DEV_CFG_READ] = card_cmd_config_read,
    [VIRTIO_ADMIN_CMD_LEGACY_NOTIFY_INFO] = card_cmd_notify_info,
    [VIRTIO_ADMIN_CMD_CAP_ID_LIST_QUERY] = card_cmd_cap_list,
    [VIRTIO_ADMIN_CMD_DEVICE_CAP_GET] = card_cmd_cap_get,
    [VIRTIO_ADMIN_CMD_DRIVER_CAP_SET] = card_cmd_cap_set,
    [VIRTIO_ADMIN_CMD_RESOURCE_OBJ_CREATE] = card_cmd_object_create,
    [VIRTIO_ADMIN_CMD_RESOURCE_OBJ_MODIFY] = card_cmd_object_modify,
    [VIRTIO_ADMIN_CMD_RESOURCE_OBJ_QUERY] = card_cmd_object_query,
    [VIRTIO_ADMIN_CMD_RESOURCE_OBJ_DESTROY] = card_cmd_object_destroy,
    [VIRTIO_ADMIN_CMD_DEV_PARTS_METADATA_GET] = card_cmd_parts_metadata,
    [VIRTIO_ADMIN_CMD_DEV_PARTS_GET] = card_cmd_parts_get,
    [VIRTIO_ADMIN_CMD_DEV_PARTS_SET] = card_cmd_parts_set,
    [VIRTIO_ADMIN_CMD_DEV_MODE_SET] = card_cmd_mode_set,
};

/*
 * Group, then opcode, then member. The list commands name no member, and by
 * default they are answered before there are any VFs: Linux asks then.
 */
static unsigned card_cmd_execute(CardCmd *cmd)
{
    Card *card = cmd->card;
    unsigned group = card_group(cmd);
    unsigned opcode = le16_to_cpu(cmd->header.opcode);
    uint64_t member = le64_to_cpu(cmd->header.group_member_id);
    bool list = opcode == VIRTIO_ADMIN_CMD_LIST_QUERY ||
                opcode == VIRTIO_ADMIN_CMD_LIST_USE;
    bool lenient = list && !card->knobs.letter;

    if (group > VIRTIO_ADMIN_GROUP_TYPE_SRIOV ||
        (group == VIRTIO_ADMIN_GROUP_TYPE_SRIOV &&
         !pcie_sriov_num_vfs(&card->fn.pci) && !lenient)) {
        return CARD_INVALID_GROUP;
    }
    if (opcode >= CARD_OPCODES ||
        !(card_used_cmds(card, group) & BIT_ULL(opcode))) {
        return CARD_INVALID_OPCODE;
    }
    if (group == VIRTIO_ADMIN_GROUP_TYPE_SELF) {
        return member ? CARD_INVALID_MEMBER : card_cmds[opcode](cmd);
    }
    if (BIT(opcode) & CARD_CAP_CMDS) {
        return CARD_INVALID_GROUP;
    }
    cmd->member = card_member(card, member);
    if (!cmd->member && !lenient) {
        return CARD_INVALID_MEMBER;
    }
    return card_cmds[opcode](cmd);
}

static bool card_cmd_fails_by_knob(CardCmd *cmd)
{
    CardKnobs *knobs = &cmd->card->knobs;

    if (knobs->fail_opcode != le16_to_cpu(cmd->header.opcode)) {
        return false;
    }
    if (knobs->fail_count && !--knobs->fail_count) {
        knobs->fail_opcode = CARD_OPCODE_NONE;
    }
    stw_le_p(&cmd->reply.status, knobs->fail_status);
    stw_le_p(&cmd->reply.qualifier, knobs->fail_qualifier);
    return true;
}

static void card_cmd_run(CardCmd *cmd)
{
    Card *card = cmd->card;
    CardReply *reply = &cmd->reply;
    unsigned opcode = le16_to_cpu(cmd->header.opcode);
    unsigned error;

    if (!card_cmd_fails_by_knob(cmd)) {
        error = card_cmd_execute(cmd);
        stw_le_p(&reply->status, error >> 16);
        stw_le_p(&reply->qualifier, error);
    }
    if (!reply->status) {
        if (opcode == card->knobs.garbage_opcode) {
            memset(reply->result, 0xa5, sizeof(reply->result));
            cmd->result_len = sizeof(reply->result);
        }
        return;
    }

    cmd->result_len = 0;
    card->counters.cmd_errors++;
    snprintf(card->last_error, sizeof(card->last_error),
             "opcode %u member %" PRIu64 " offset %u len %zu status %u "
             "qualifier %u", opcode, le64_to_cpu(cmd->header.group_member_id),
             cmd->data[0],
             cmd->data_len > 8 ? cmd->data_len - 8 : cmd->room,
             le16_to_cpu(reply->status), le16_to_cpu(reply->qualifier));
}

static void card_cmd_free(CardCmd *cmd)
{
    QLIST_REMOVE(cmd, next);
    if (cmd->timer) {
        timer_free(cmd->timer);
    }
    g_free(cmd);
}

static void card_cmd_answer(void *opaque)
{
    CardCmd *cmd = opaque;
    Card *card = cmd->card;
    size_t result = MIN(cmd->result_len, cmd->room);
    size_t told = result;
    size_t written;
    CardCmd *older;

    if (result) {
        told = MAX((ssize_t)result + card->knobs.reply_size_delta, 0);
        result = MIN(result, told);
    }
    written = iov_from_buf(cmd->elem.in_sg, cmd->elem.in_num, 0, &cmd->reply,
                           CARD_REPLY_HEADER + result);
    for (older = QLIST_NEXT(cmd, next); older; older = QLIST_NEXT(older, next)) {
        if (older->timer) {
            card->counters.overtaken++;
            break;
        }
    }
    virtqueue_push(card->admin, &cmd->elem, written + told - result);
    virtio_notify(card_fn_vdev(&card->fn), card->admin);
    card_cmd_free(cmd);
}

static void card_cmd_due(void *opaque)
{
    CardCmd *cmd = opaque;

    if (cmd->late) {
        card_cmd_run(cmd);
    }
    card_cmd_answer(cmd);
}

static void card_cmd_count(Card *card, CardCmd *cmd)
{
    CardCounters *counters = &card->counters;
    unsigned opcode = le16_to_cpu(cmd->header.opcode);
    uint64_t all = 1;
    uint64_t same = 1;
    CardCmd *older;

    counters->cmds_total++;
    if (opcode < CARD_OPCODES) {
        counters->cmd[opcode]++;
    }
    for (older = QLIST_NEXT(cmd, next); older; older = QLIST_NEXT(older, next)) {
        if (older->timer) {
            all++;
            same += older->header.group_member_id ==
                    cmd->header.group_member_id;
        }
    }
    counters->parallel = MAX(counters->parallel, all);
    counters->parallel_member = MAX(counters->parallel_member, same);
}

/* How much later than at once this command is answered, in ms. */
static unsigned card_cmd_delay(Card *card, unsigned opcode)
{
    CardKnobs *knobs = &card->knobs;

    if (knobs->delay_opcode != CARD_OPCODE_ALL &&
        knobs->delay_opcode != opcode) {
        return 0;
    }
    return knobs->delay_ms +
           (knobs->jitter_ms ? g_random_int_range(0, knobs->jitter_ms) : 0);
}

static void card_cmd_arrive(Card *card, CardCmd *cmd)
{
    CardKnobs *knobs = &card->knobs;
    VirtQueueElement *elem = &cmd->elem;
    size_t size = iov_size(elem->out_sg, elem->out_num);
    unsigned opcode;
    unsigned delay;

    memset(elem + 1, 0, sizeof(*cmd) - sizeof(*elem));
    cmd->card = card;
    QLIST_INSERT_HEAD(&card->pending, cmd, next);

    iov_to_buf(elem->out_sg, elem->out_num, 0, &cmd->header,
               sizeof(cmd->header));
    if (size > sizeof(cmd->header)) {
        cmd->data_len = iov_to_buf(elem->out_sg, elem->out_num,
                                   sizeof(cmd->header), cmd->data,
                                   sizeof(cmd->data));
    }
    size = iov_size(elem->in_sg, elem->in_num);
    if (size > CARD_REPLY_HEADER) {
        cmd->room = size - CARD_REPLY_HEADER;
    }

    opcode = le16_to_cpu(cmd->header.opcode);
    card_cmd_count(card, cmd);
    if (opcode == knobs->drop_opcode) {
        return;
    }

    delay = card_cmd_delay(card, opcode);
    cmd->late = delay && knobs->jitter_ms;
    if (!cmd->late) {
        card_cmd_run(cmd);
    }
    if (delay) {
        cmd->timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, card_cmd_due, cmd);
        timer_mod(cmd->timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + delay);
    } else {
        card_cmd_answer(cmd);
    }
}

static void card_admin_handle(VirtIODevice *vdev, VirtQueue *vq)
{
    Card *card = CARD(qdev_get_parent_bus(DEVICE(vdev))->parent);
    CardCmd *cmd;

    if (!virtio_vdev_has_feature(vdev, VIRTIO_F_ADMIN_VQ)) {
        return;
    }
    while ((cmd = virtqueue_pop(vq, sizeof(*cmd)))) {
        card_cmd_arrive(card, cmd);
    }
}

/* Forgets the commands that are still open, and what the driver will use. */
void card_admin_reset(Card *card)
{
    CardCmd *cmd, *next;

    QLIST_FOREACH_SAFE(cmd, &card->pending, next, next) {
        virtqueue_detach_element(card->admin, &cmd->elem, 0);
        card_cmd_free(cmd);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(card->used_cmds); i++) {
        card->used_cmds[i] = CARD_LIST_CMDS;
    }
    card_parts_reset(card);
}

void card_admin_realize(Card *card)
{
    VirtIODevice *vdev = card_fn_vdev(&card->fn);
    int first = virtio_get_num_queues(vdev);

    /* QEMU adds queues at the lowest free index only. */
    do {
        card->admin = virtio_add_queue(vdev, CARD_ADMIN_SIZE,
                                       card_admin_handle);
    } while (virtio_get_queue_index(card->admin) < CARD_ADMIN_VQ);
    for (int i = first; i < CARD_ADMIN_VQ; i++) {
        virtio_del_queue(vdev, i);
    }
    card_admin_reset(card);
}
