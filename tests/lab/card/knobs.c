/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QOM properties of the PF, for -device and, at run time, for qom-set and
 * qom-get.
 *
 * Knobs, which say how the card is to behave from now on:
 *
 *   supported-cmds     bitmap of opcodes, of which each group has what the
 *                      specification gives it; the two list commands always
 *                      are, and by default the five legacy ones
 *   letter             list commands, too, need VF Enable and a member id
 *   notify-entries     what LEGACY_NOTIFY_INFO answers, in this order, by
 *                      commas; empty for none:
 *                        member      the address in the VF's BAR
 *                        owner       the VF's address in the PF's BAR
 *                        oob         just past the end of the BAR
 *                        misaligned  an odd address
 *                        badbar      a BAR number that no function has
 *                        nobar       a BAR that is not there
 *                        badflags    reserved flags
 *                        end         the end of the list
 *                      invalid ones are entries of the VF, or of the PF
 *                      with ":owner" behind the word
 *   fail-opcode        this command fails with fail-status and
 *                      fail-qualifier, fail-count times (0: for ever)
 *   reply-size-delta   so many bytes more or fewer of a command's result are
 *                      reported as written; and fewer are written
 *   garbage-opcode     this command's result is all 0xa5, as far as there is room
 *   delay-ms           answers come so much later, those to delay-opcode or,
 *                      by default, to all commands
 *   jitter-ms          and later by less than so much, at random, when they
 *                      also take effect: parallel commands overtake each other
 *   drop-opcode        this command is not executed and never answered,
 *                      until the PF is reset
 *   admin-size         entries of the administration virtqueue, from the PF's
 *                      next reset on
 *   reset-ms           so long takes a reset of a VF that is in use: until then
 *                      its rings are live and its status is as before
 *   reset-flr          not by its status alone, but by a function reset, too
 *   config-churn       each read of a VF's legacy device configuration finds
 *                      another value in all bytes
 *   raise-isr          writing a number sets these bits in ISR Status of all VFs
 *   vfs-need-reset     writing true sets DEVICE_NEEDS_RESET in all VFs' status
 *   gone               as if pulled out: all registers of all functions read all
 *                      ones, writes are lost, and commands are not seen
 *   needs-reset        writing true sets DEVICE_NEEDS_RESET in the PF's status
 *   vectors            MSI-X vectors of the PF
 *   quirks             what the PF does that others don't, by commas:
 *                        no-common      no common configuration
 *                        old            one as virtio 1.1 has it
 *                        no-version-1   without VIRTIO_F_VERSION_1
 *                        no-sr-iov      without VIRTIO_F_SR_IOV
 *                        no-vfs         has none to enable
 *                        packed         with VIRTIO_F_RING_PACKED
 *                        own-admin      its first queue is said to be the
 *                        absent-admin   ... administration virtqueue, or one
 *                                       that there is not
 *                        config-vector  has no room for the vector of
 *                        queue-vector   ... a configuration change, a queue
 *                        admin-vector   ... or the administration virtqueue,
 *                                       other than vector 0
 *                        notify-odd     odd notify offsets,
 *                        notify-far     ... some of more than 32 bits,
 *                        notify-out     ... or some outside of their structure
 *                        notify-apart   more of them than fit into a page
 *                        stuck          it is not reset by its status, and the
 *                                       reset of a queue does not end
 *                        vfs-late       VFs are gone for 900 ms after
 *                                       its function reset
 *                      How much of that counts at once, and what only when its
 *                      driver looks again, is the driver's affair.
 *
 * Opcode 0xffffffff stands for none (fail, garbage, drop) or all (delay).
 *
 * Counters, read-only: cmds-total, cmd-0 to cmd-17 by opcode, cmd-errors;
 * notify-member, notify-owner and notify-cmd for legacy notifications by the
 * way they came; overtaken for answers that an earlier command still waited for;
 * parallel and parallel-member for the most commands under way at once, in all
 * and for one member. resets-pending is how many VFs are being reset now.
 * last-error describes the last command that failed, config-written the writes of
 * the PF's device configuration, each as OFFSET/BYTES=VALUE. Writing true to
 * counters-reset sets all that back, and to defaults the knobs as well.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qemu/timer.h"
#include "standard-headers/linux/virtio_config.h"
#include "standard-headers/linux/virtio_pci.h"
#include "card.h"

#define MEMBER  VIRTIO_ADMIN_CMD_NOTIFY_INFO_FLAGS_OWNER_MEM
#define OWNER   VIRTIO_ADMIN_CMD_NOTIFY_INFO_FLAGS_OWNER_DEV

/* Does it know the word? Then it says what entry that makes for the VF. */
static bool card_notify_entry(const char *word, unsigned vf,
                              CardNotifyEntry *entry)
{
    g_auto(GStrv) part = g_strsplit(word, ":", 2);
    bool owner = g_str_equal(part[0], "owner");

    if (part[1]) {
        if (!g_str_equal(part[1], "owner")) {
            return false;
        }
        owner = true;
    }

    entry->flags = owner ? OWNER : MEMBER;
    entry->bar = CARD_BAR;
    entry->offset = owner ? CARD_LEGACY_OWNER(vf) : CARD_LEGACY_MEMBER;

    if (g_str_equal(part[0], "member") || g_str_equal(part[0], "owner")) {
        return !part[1];
    } else if (g_str_equal(part[0], "oob")) {
        entry->offset = CARD_BAR_SIZE;
    } else if (g_str_equal(part[0], "misaligned")) {
        entry->offset |= 1;
    } else if (g_str_equal(part[0], "badbar")) {
        entry->bar = 6;
    } else if (g_str_equal(part[0], "nobar")) {
        entry->bar = 1;
    } else if (g_str_equal(part[0], "badflags")) {
        entry->flags = MEMBER | OWNER;
    } else if (g_str_equal(part[0], "end")) {
        entry->flags = VIRTIO_ADMIN_CMD_NOTIFY_INFO_FLAGS_END;
    } else {
        return false;
    }
    return true;
}

static bool card_notify_parse(const char *list, unsigned vf,
                              CardNotifyEntry entry[CARD_NOTIFY_ENTRIES])
{
    g_auto(GStrv) word = g_strsplit(list, ",", 0);

    if (g_strv_length(word) > CARD_NOTIFY_ENTRIES) {
        return false;
    }
    for (unsigned i = 0; word[i]; i++) {
        if (!card_notify_entry(word[i], vf, &entry[i])) {
            return false;
        }
    }
    return true;
}

void card_knobs_notify_entries(Card *card, unsigned vf,
                               CardNotifyEntry entry[CARD_NOTIFY_ENTRIES])
{
    card_notify_parse(card->knobs.notify_entries, vf, entry);
}

static char *card_get_notify_entries(Object *obj, Error **errp)
{
    return g_strdup(CARD(obj)->knobs.notify_entries);
}

static void card_set_notify_entries(Object *obj, const char *value,
                                    Error **errp)
{
    CardNotifyEntry entry[CARD_NOTIFY_ENTRIES];
    CardKnobs *knobs = &CARD(obj)->knobs;

    if (!card_notify_parse(value, 1, entry)) {
        error_setg(errp, "'%s' is no list of up to %d notify entries", value,
                   CARD_NOTIFY_ENTRIES);
        return;
    }
    g_free(knobs->notify_entries);
    knobs->notify_entries = g_strdup(value);
}

static bool card_get_reset_flr(Object *obj, Error **errp)
{
    return CARD(obj)->knobs.reset_flr;
}

static void card_set_reset_flr(Object *obj, bool value, Error **errp)
{
    CARD(obj)->knobs.reset_flr = value;
}

static void card_get_resets_pending(Object *obj, Visitor *v, const char *name,
                                    void *opaque, Error **errp)
{
    uint32_t pending = 0;
    CardFn *fn;

    for (unsigned id = 1; (fn = card_member(CARD(obj), id)); id++) {
        pending += timer_pending(fn->reset);
    }
    visit_type_uint32(v, name, &pending, errp);
}

static bool card_get_letter(Object *obj, Error **errp)
{
    return CARD(obj)->knobs.letter;
}

static void card_set_letter(Object *obj, bool value, Error **errp)
{
    CARD(obj)->knobs.letter = value;
}

static bool card_get_gone(Object *obj, Error **errp)
{
    return CARD(obj)->knobs.gone;
}

static void card_set_gone(Object *obj, bool value, Error **errp)
{
    CARD(obj)->knobs.gone = value;
}

static bool card_get_config_churn(Object *obj, Error **errp)
{
    return CARD(obj)->knobs.config_churn;
}

static void card_set_config_churn(Object *obj, bool value, Error **errp)
{
    CARD(obj)->knobs.config_churn = value;
}

static void card_raise_isr(Object *obj, Visitor *v, const char *name,
                           void *opaque, Error **errp)
{
    uint8_t bits;
    CardFn *fn;

    if (!visit_type_uint8(v, name, &bits, errp)) {
        return;
    }
    for (unsigned id = 1; (fn = card_member(CARD(obj), id)); id++) {
        qatomic_or(&card_fn_vdev(fn)->isr, bits);
    }
}

static void card_set_vfs_need_reset(Object *obj, bool value, Error **errp)
{
    VirtIODevice *vdev;
    CardFn *fn;

    for (unsigned id = 1; value && (fn = card_member(CARD(obj), id)); id++) {
        vdev = card_fn_vdev(fn);
        virtio_set_status(vdev, vdev->status | VIRTIO_CONFIG_S_NEEDS_RESET);
        virtio_notify_config(vdev);
    }
}

static void card_set_needs_reset(Object *obj, bool value, Error **errp)
{
    VirtIODevice *vdev = card_fn_vdev(&CARD(obj)->fn);

    if (value) {
        virtio_set_status(vdev, vdev->status | VIRTIO_CONFIG_S_NEEDS_RESET);
        virtio_notify_config(vdev);
    }
}

static void card_get_delta(Object *obj, Visitor *v, const char *name,
                           void *opaque, Error **errp)
{
    visit_type_int32(v, name, &CARD(obj)->knobs.reply_size_delta, errp);
}

static void card_set_delta(Object *obj, Visitor *v, const char *name,
                           void *opaque, Error **errp)
{
    visit_type_int32(v, name, &CARD(obj)->knobs.reply_size_delta, errp);
}

/* By the bits of CardQuirk. */
static const char *const card_quirk_words[] = {
    "no-common", "old", "no-version-1", "no-sr-iov", "no-vfs", "packed",
    "own-admin", "absent-admin", "config-vector", "queue-vector",
    "admin-vector", "notify-odd", "notify-far", "notify-out", "notify-apart",
    "stuck", "vfs-late",
};
QEMU_BUILD_BUG_ON(1u << ARRAY_SIZE(card_quirk_words) != CARD_QUIRKS_END);

static char *card_get_quirks(Object *obj, Error **errp)
{
    GString *list = g_string_new(NULL);

    for (unsigned i = 0; i < ARRAY_SIZE(card_quirk_words); i++) {
        if (card_has_quirk(CARD(obj), 1u << i)) {
            g_string_append_printf(list, "%s%s", list->len ? "," : "",
                                   card_quirk_words[i]);
        }
    }
    return g_string_free(list, false);
}

static void card_set_quirks(Object *obj, const char *value, Error **errp)
{
    g_auto(GStrv) word = g_strsplit(value, ",", 0);
    unsigned quirks = 0;
    unsigned bit;

    for (unsigned i = 0; word[i]; i++) {
        for (bit = 0; bit < ARRAY_SIZE(card_quirk_words); bit++) {
            if (g_str_equal(word[i], card_quirk_words[bit])) {
                break;
            }
        }
        if (bit == ARRAY_SIZE(card_quirk_words)) {
            error_setg(errp, "'%s' is no quirk", word[i]);
            return;
        }
        quirks |= 1u << bit;
    }
    CARD(obj)->knobs.quirks = quirks;
    card_fn_identity_changed(CARD(obj));
}

static void card_get_vectors(Object *obj, Visitor *v, const char *name,
                             void *opaque, Error **errp)
{
    visit_type_uint16(v, name, &CARD(obj)->knobs.vectors, errp);
}

static void card_set_vectors(Object *obj, Visitor *v, const char *name,
                             void *opaque, Error **errp)
{
    uint16_t vectors;

    if (!visit_type_uint16(v, name, &vectors, errp)) {
        return;
    }
    if (vectors < 1 || vectors > CARD_VECTORS) {
        error_setg(errp, "the PF has 1 to %d vectors", CARD_VECTORS);
        return;
    }
    CARD(obj)->knobs.vectors = vectors;
    card_fn_identity_changed(CARD(obj));
}

static char *card_get_config_written(Object *obj, Error **errp)
{
    return g_strdup(CARD(obj)->config_written);
}

static char *card_get_last_error(Object *obj, Error **errp)
{
    return g_strdup(CARD(obj)->last_error);
}

static void card_counters_reset(Object *obj, bool value, Error **errp)
{
    Card *card = CARD(obj);

    if (value) {
        memset(&card->counters, 0, sizeof(card->counters));
        card->last_error[0] = 0;
        card->config_written[0] = 0;
    }
}

static void card_knobs_reset(CardKnobs *knobs)
{
    g_free(knobs->notify_entries);
    *knobs = (CardKnobs) {
        .supported_cmds = BIT(VIRTIO_ADMIN_CMD_LEGACY_NOTIFY_INFO + 1) - 1,
        .notify_entries = g_strdup("member"),
        .fail_opcode = CARD_OPCODE_NONE,
        .fail_status = 22,
        .fail_qualifier = 1,
        .garbage_opcode = CARD_OPCODE_NONE,
        .delay_opcode = CARD_OPCODE_ALL,
        .drop_opcode = CARD_OPCODE_NONE,
        .admin_size = CARD_ADMIN_SIZE,
        .vectors = CARD_VECTORS,
    };
}

static void card_set_defaults(Object *obj, bool value, Error **errp)
{
    Card *card = CARD(obj);

    if (value) {
        card_knobs_reset(&card->knobs);
        card_fn_identity_changed(card);
        card_counters_reset(obj, true, errp);
    }
}

void card_knobs_init(Card *card)
{
    Object *obj = OBJECT(card);
    CardKnobs *knobs = &card->knobs;
    CardCounters *counters = &card->counters;

    card_knobs_reset(knobs);

    object_property_add_uint64_ptr(obj, "supported-cmds",
                                   &knobs->supported_cmds,
                                   OBJ_PROP_FLAG_READWRITE);
    object_property_add_bool(obj, "letter", card_get_letter, card_set_letter);
    object_property_add_str(obj, "notify-entries", card_get_notify_entries,
                            card_set_notify_entries);
    object_property_add_uint32_ptr(obj, "fail-opcode", &knobs->fail_opcode,
                                   OBJ_PROP_FLAG_READWRITE);
    object_property_add_uint16_ptr(obj, "fail-status", &knobs->fail_status,
                                   OBJ_PROP_FLAG_READWRITE);
    object_property_add_uint16_ptr(obj, "fail-qualifier",
                                   &knobs->fail_qualifier,
                                   OBJ_PROP_FLAG_READWRITE);
    object_property_add_uint32_ptr(obj, "fail-count", &knobs->fail_count,
                                   OBJ_PROP_FLAG_READWRITE);
    object_property_add(obj, "reply-size-delta", "int32", card_get_delta,
                        card_set_delta, NULL, NULL);
    object_property_add_uint32_ptr(obj, "garbage-opcode",
                                   &knobs->garbage_opcode,
                                   OBJ_PROP_FLAG_READWRITE);
    object_property_add_uint32_ptr(obj, "delay-ms", &knobs->delay_ms,
                                   OBJ_PROP_FLAG_READWRITE);
    object_property_add_uint32_ptr(obj, "jitter-ms", &knobs->jitter_ms,
                                   OBJ_PROP_FLAG_READWRITE);
    object_property_add_uint32_ptr(obj, "delay-opcode", &knobs->delay_opcode,
                                   OBJ_PROP_FLAG_READWRITE);
    object_property_add_uint32_ptr(obj, "drop-opcode", &knobs->drop_opcode,
                                   OBJ_PROP_FLAG_READWRITE);

    object_property_add_uint16_ptr(obj, "admin-size", &knobs->admin_size,
                                   OBJ_PROP_FLAG_READWRITE);
    object_property_add_uint32_ptr(obj, "reset-ms", &knobs->reset_ms,
                                   OBJ_PROP_FLAG_READWRITE);
    object_property_add_bool(obj, "reset-flr", card_get_reset_flr,
                             card_set_reset_flr);
    object_property_add(obj, "resets-pending", "uint32",
                        card_get_resets_pending, NULL, NULL, NULL);
    object_property_add_bool(obj, "config-churn", card_get_config_churn,
                             card_set_config_churn);
    object_property_add(obj, "raise-isr", "uint8", NULL, card_raise_isr, NULL,
                        NULL);
    object_property_add_bool(obj, "vfs-need-reset", NULL,
                             card_set_vfs_need_reset);
    object_property_add_bool(obj, "gone", card_get_gone, card_set_gone);
    object_property_add_bool(obj, "needs-reset", NULL, card_set_needs_reset);
    object_property_add(obj, "vectors", "uint16", card_get_vectors,
                        card_set_vectors, NULL, NULL);
    object_property_add_str(obj, "quirks", card_get_quirks, card_set_quirks);

    object_property_add_uint64_ptr(obj, "cmds-total", &counters->cmds_total,
                                   OBJ_PROP_FLAG_READ);
    for (unsigned i = 0; i < CARD_OPCODES; i++) {
        g_autofree char *name = g_strdup_printf("cmd-%u", i);

        object_property_add_uint64_ptr(obj, name, &counters->cmd[i],
                                       OBJ_PROP_FLAG_READ);
    }
    object_property_add_uint64_ptr(obj, "cmd-errors", &counters->cmd_errors,
                                   OBJ_PROP_FLAG_READ);
    object_property_add_uint64_ptr(obj, "notify-member",
                                   &counters->notify_member,
                                   OBJ_PROP_FLAG_READ);
    object_property_add_uint64_ptr(obj, "notify-owner",
                                   &counters->notify_owner,
                                   OBJ_PROP_FLAG_READ);
    object_property_add_uint64_ptr(obj, "notify-cmd", &counters->notify_cmd,
                                   OBJ_PROP_FLAG_READ);
    object_property_add_uint64_ptr(obj, "overtaken", &counters->overtaken,
                                   OBJ_PROP_FLAG_READ);
    object_property_add_uint64_ptr(obj, "parallel", &counters->parallel,
                                   OBJ_PROP_FLAG_READ);
    object_property_add_uint64_ptr(obj, "parallel-member",
                                   &counters->parallel_member,
                                   OBJ_PROP_FLAG_READ);
    object_property_add_str(obj, "last-error", card_get_last_error, NULL);
    object_property_add_str(obj, "config-written", card_get_config_written,
                            NULL);
    object_property_add_bool(obj, "counters-reset", NULL, card_counters_reset);
    object_property_add_bool(obj, "defaults", NULL, card_set_defaults);
}
