/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The administration virtqueue of the PF: the two list commands and the five
 * legacy commands, for the SR-IOV group.
 *
 * A command takes effect when it arrives, in the order of arrival; only its
 * answer can be delayed or withheld by a knob.
 */
#include "qemu/osdep.h"
#include "hw/pci/pcie_sriov.h"
#include "qemu/iov.h"
#include "qemu/timer.h"
#include "standard-headers/linux/virtio_pci.h"
#include "card.h"

#define CARD_LIST_CMDS      (BIT(VIRTIO_ADMIN_CMD_LIST_QUERY) | \
                             BIT(VIRTIO_ADMIN_CMD_LIST_USE))

#define CARD_STATUS_EINVAL  22

enum {
    CARD_Q_OK,
    CARD_Q_INVALID_COMMAND,
    CARD_Q_INVALID_OPCODE,
    CARD_Q_INVALID_FIELD,
    CARD_Q_INVALID_GROUP,
    CARD_Q_INVALID_MEMBER,
};

#define CARD_RESULT_MAX \
    (CARD_NOTIFY_ENTRIES * sizeof(struct virtio_admin_cmd_notify_info_data))

/* What is not there of it counts as zero. */
typedef struct QEMU_PACKED CardRequest {
    uint16_t opcode;
    uint16_t group;
    uint8_t reserved[12];
    uint64_t member;
    union {
        struct {
            uint8_t offset;
            uint8_t padding[7];
            uint8_t data[8];
        } reg;
        uint64_t list;
    };
} CardRequest;

typedef struct QEMU_PACKED CardReply {
    uint16_t status;
    uint16_t qualifier;
    uint8_t reserved[4];
    uint8_t result[CARD_RESULT_MAX];
} CardReply;

#define CARD_REPLY_HEADER   offsetof(CardReply, result)

struct CardCmd {
    VirtQueueElement elem;      /* first: made by virtqueue_pop() */
    Card *card;
    QEMUTimer *timer;           /* NULL: never to be answered */
    QLIST_ENTRY(CardCmd) next;

    CardRequest request;
    CardFn *member;
    size_t data_len;            /* of request.reg.data, as sent */
    size_t room;                /* for reply.result, as sent */

    CardReply reply;
    size_t result_len;
};

static uint64_t card_supported_cmds(Card *card)
{
    return card->knobs.supported_cmds | CARD_LIST_CMDS;
}

static unsigned card_cmd_list_query(CardCmd *cmd)
{
    stq_le_p(cmd->reply.result, card_supported_cmds(cmd->card));
    cmd->result_len = sizeof(uint64_t);
    return CARD_Q_OK;
}

static unsigned card_cmd_list_use(CardCmd *cmd)
{
    uint64_t list = le64_to_cpu(cmd->request.list);

    if (list & ~card_supported_cmds(cmd->card)) {
        return CARD_Q_INVALID_FIELD;
    }
    cmd->card->used_cmds = list;
    return CARD_Q_OK;
}

static unsigned card_cmd_common_write(CardCmd *cmd)
{
    uint8_t offset = cmd->request.reg.offset;

    if (!card_legacy_write(cmd->member, offset, cmd->request.reg.data,
                           cmd->data_len)) {
        return CARD_Q_INVALID_FIELD;
    }
    if (offset / 2 == VIRTIO_PCI_QUEUE_NOTIFY / 2) {
        cmd->card->counters.notify_cmd++;
    }
    return CARD_Q_OK;
}

static unsigned card_cmd_common_read(CardCmd *cmd)
{
    cmd->result_len = cmd->room;
    return card_legacy_read(cmd->member, cmd->request.reg.offset,
                            cmd->reply.result, cmd->room)
           ? CARD_Q_OK : CARD_Q_INVALID_FIELD;
}

static unsigned card_cmd_config_write(CardCmd *cmd)
{
    return card_legacy_config_write(cmd->member, cmd->request.reg.offset,
                                    cmd->request.reg.data, cmd->data_len)
           ? CARD_Q_OK : CARD_Q_INVALID_FIELD;
}

static unsigned card_cmd_config_read(CardCmd *cmd)
{
    cmd->result_len = cmd->room;
    return card_legacy_config_read(cmd->member, cmd->request.reg.offset,
                                   cmd->reply.result, cmd->room)
           ? CARD_Q_OK : CARD_Q_INVALID_FIELD;
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
    cmd->result_len = CARD_RESULT_MAX;
    return CARD_Q_OK;
}

static unsigned (*const card_cmds[CARD_OPCODES])(CardCmd *cmd) = {
    [VIRTIO_ADMIN_CMD_LIST_QUERY] = card_cmd_list_query,
    [VIRTIO_ADMIN_CMD_LIST_USE] = card_cmd_list_use,
    [VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_WRITE] = card_cmd_common_write,
    [VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_READ] = card_cmd_common_read,
    [VIRTIO_ADMIN_CMD_LEGACY_DEV_CFG_WRITE] = card_cmd_config_write,
    [VIRTIO_ADMIN_CMD_LEGACY_DEV_CFG_READ] = card_cmd_config_read,
    [VIRTIO_ADMIN_CMD_LEGACY_NOTIFY_INFO] = card_cmd_notify_info,
};

/*
 * Group, then opcode, then member. The list commands name no member, and by
 * default they are answered before there are any VFs: Linux asks then.
 */
static unsigned card_cmd_execute(CardCmd *cmd)
{
    Card *card = cmd->card;
    unsigned opcode = le16_to_cpu(cmd->request.opcode);
    bool list = opcode == VIRTIO_ADMIN_CMD_LIST_QUERY ||
                opcode == VIRTIO_ADMIN_CMD_LIST_USE;
    bool lenient = list && !card->knobs.letter;

    if (le16_to_cpu(cmd->request.group) != VIRTIO_ADMIN_GROUP_TYPE_SRIOV ||
        (!pcie_sriov_num_vfs(&card->fn.pci) && !lenient)) {
        return CARD_Q_INVALID_GROUP;
    }
    if (opcode >= CARD_OPCODES ||
        !(card->used_cmds & card_supported_cmds(card) & BIT_ULL(opcode))) {
        return CARD_Q_INVALID_OPCODE;
    }
    cmd->member = card_member(card, le64_to_cpu(cmd->request.member));
    if (!cmd->member && !lenient) {
        return CARD_Q_INVALID_MEMBER;
    }
    return card_cmds[opcode](cmd);
}

static bool card_cmd_fails_by_knob(CardCmd *cmd)
{
    CardKnobs *knobs = &cmd->card->knobs;

    if (knobs->fail_opcode != le16_to_cpu(cmd->request.opcode)) {
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
    CardRequest *rq = &cmd->request;
    CardReply *reply = &cmd->reply;
    unsigned qualifier;

    if (!card_cmd_fails_by_knob(cmd)) {
        qualifier = card_cmd_execute(cmd);
        stw_le_p(&reply->status, qualifier ? CARD_STATUS_EINVAL : 0);
        stw_le_p(&reply->qualifier, qualifier);
    }
    if (!reply->status) {
        return;
    }

    cmd->result_len = 0;
    card->counters.cmd_errors++;
    snprintf(card->last_error, sizeof(card->last_error),
             "opcode %u member %" PRIu64 " offset %u len %zu status %u "
             "qualifier %u", le16_to_cpu(rq->opcode),
             le64_to_cpu(rq->member), rq->reg.offset,
             cmd->data_len ?: cmd->room, le16_to_cpu(reply->status),
             le16_to_cpu(reply->qualifier));
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

    if (result) {
        told = MAX((ssize_t)result + card->knobs.reply_size_delta, 0);
        result = MIN(result, told);
    }
    written = iov_from_buf(cmd->elem.in_sg, cmd->elem.in_num, 0, &cmd->reply,
                           CARD_REPLY_HEADER + result);
    virtqueue_push(card->admin, &cmd->elem, written + told - result);
    virtio_notify(card_fn_vdev(&card->fn), card->admin);
    card_cmd_free(cmd);
}

static void card_cmd_arrive(Card *card, CardCmd *cmd)
{
    CardKnobs *knobs = &card->knobs;
    VirtQueueElement *elem = &cmd->elem;
    size_t size = iov_size(elem->out_sg, elem->out_num);
    unsigned opcode;

    memset(elem + 1, 0, sizeof(*cmd) - sizeof(*elem));
    cmd->card = card;
    QLIST_INSERT_HEAD(&card->pending, cmd, next);

    iov_to_buf(elem->out_sg, elem->out_num, 0, &cmd->request,
               sizeof(cmd->request));
    if (size > offsetof(CardRequest, reg.data)) {
        cmd->data_len = size - offsetof(CardRequest, reg.data);
    }
    size = iov_size(elem->in_sg, elem->in_num);
    if (size > CARD_REPLY_HEADER) {
        cmd->room = size - CARD_REPLY_HEADER;
    }

    opcode = le16_to_cpu(cmd->request.opcode);
    card->counters.cmds_total++;
    if (opcode < CARD_OPCODES) {
        card->counters.cmd[opcode]++;
    }
    if (opcode == knobs->drop_opcode) {
        return;
    }

    card_cmd_run(cmd);
    if (knobs->delay_ms && (knobs->delay_opcode == CARD_OPCODE_ALL ||
                            knobs->delay_opcode == opcode)) {
        cmd->timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, card_cmd_answer, cmd);
        timer_mod(cmd->timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) +
                              knobs->delay_ms);
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
    card->used_cmds = CARD_LIST_CMDS;
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
