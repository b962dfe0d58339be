/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An administration command on its way through the card. A command's function
 * finds the request checked as far as group, opcode and member go, and what
 * the driver did not send of it zero. It returns 0, or status and qualifier.
 */
#ifndef CARD_ADMIN_H
#define CARD_ADMIN_H

#include "qemu/queue.h"
#include "qemu/timer.h"
#include "standard-headers/linux/virtio_pci.h"
#include "card.h"

/* What QEMU's copy of Linux's header lacks. */
#define VIRTIO_ADMIN_GROUP_TYPE_SELF            0
#define VIRTIO_ADMIN_CMD_RESOURCE_OBJ_MODIFY    0xb
#define VIRTIO_ADMIN_CMD_RESOURCE_OBJ_QUERY     0xc

#define CARD_ERROR(status, qualifier)   ((status) << 16 | (qualifier))

enum {
    CARD_INVALID_OPCODE = CARD_ERROR(22, 2),
    CARD_INVALID_FIELD = CARD_ERROR(22, 3),
    CARD_INVALID_GROUP = CARD_ERROR(22, 4),
    CARD_INVALID_MEMBER = CARD_ERROR(22, 5),
    CARD_NO_SUCH = CARD_ERROR(6, 3),
    CARD_NO_ROOM = CARD_ERROR(12, 6),
    CARD_BUSY = CARD_ERROR(16, 1),
    CARD_EXISTS = CARD_ERROR(17, 3),
    CARD_NO_SPACE = CARD_ERROR(28, 6),
};

#define CARD_DATA_MAX       1024
#define CARD_RESULT_MAX     1024

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
    bool late;                  /* to be executed only then */
    QLIST_ENTRY(CardCmd) next;

    struct virtio_admin_cmd_hdr header;
    uint8_t data[CARD_DATA_MAX];
    size_t data_len;            /* as sent */
    CardFn *member;
    size_t room;                /* for reply.result, as sent */

    CardReply reply;
    size_t result_len;
};

/* parts.c */
unsigned card_cmd_cap_list(CardCmd *cmd);
unsigned card_cmd_cap_get(CardCmd *cmd);
unsigned card_cmd_cap_set(CardCmd *cmd);
unsigned card_cmd_object_create(CardCmd *cmd);
unsigned card_cmd_object_modify(CardCmd *cmd);
unsigned card_cmd_object_query(CardCmd *cmd);
unsigned card_cmd_object_destroy(CardCmd *cmd);
unsigned card_cmd_parts_metadata(CardCmd *cmd);
unsigned card_cmd_parts_get(CardCmd *cmd);
unsigned card_cmd_parts_set(CardCmd *cmd);
unsigned card_cmd_mode_set(CardCmd *cmd);

#endif
