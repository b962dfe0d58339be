/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The legacy registers of a function, as admin commands name them: an access
 * of any length inside of one field. A partial write leaves the other bytes
 * of a field as they read; for Queue Notify, which does not read, as zero.
 */
#include "qemu/osdep.h"
#include "hw/pci/msix.h"
#include "standard-headers/linux/virtio_pci.h"
#include "card.h"

typedef struct CardField {
    uint8_t offset;
    uint8_t size;
} CardField;

static const CardField card_legacy_fields[] = {
    { VIRTIO_PCI_HOST_FEATURES, 4 },
    { VIRTIO_PCI_GUEST_FEATURES, 4 },
    { VIRTIO_PCI_QUEUE_PFN, 4 },
    { VIRTIO_PCI_QUEUE_NUM, 2 },
    { VIRTIO_PCI_QUEUE_SEL, 2 },
    { VIRTIO_PCI_QUEUE_NOTIFY, 2 },
    { VIRTIO_PCI_STATUS, 1 },
    { VIRTIO_PCI_ISR, 1 },
    { VIRTIO_MSI_CONFIG_VECTOR, 2 },    /* the last two with MSI-X only */
    { VIRTIO_MSI_QUEUE_VECTOR, 2 },
};

static const CardField card_config_fields[] = {
    { offsetof(struct virtio_net_config, mac), ETH_ALEN },
    { offsetof(struct virtio_net_config, status), 2 },
    { offsetof(struct virtio_net_config, max_virtqueue_pairs), 2 },
    { offsetof(struct virtio_net_config, mtu), 2 },
};

static const CardField *card_find_field(const CardField *field, size_t count,
                                        unsigned offset, size_t len)
{
    for (; count; field++, count--) {
        if (len && offset >= field->offset &&
            offset + len <= field->offset + field->size) {
            return field;
        }
    }
    return NULL;
}

static const CardField *card_legacy_field(CardFn *fn, unsigned offset,
                                          size_t len)
{
    size_t count = ARRAY_SIZE(card_legacy_fields);

    return card_find_field(card_legacy_fields,
                           msix_enabled(&fn->pci) ? count : count - 2,
                           offset, len);
}

static uint32_t card_legacy_get(CardFn *fn, unsigned reg)
{
    VirtIODevice *vdev = card_fn_vdev(fn);

    switch (reg) {
    case VIRTIO_PCI_HOST_FEATURES:
        return vdev->host_features;
    case VIRTIO_PCI_GUEST_FEATURES:
        return vdev->guest_features;
    case VIRTIO_PCI_QUEUE_PFN:
        return virtio_queue_get_addr(vdev, vdev->queue_sel) >>
               VIRTIO_PCI_QUEUE_ADDR_SHIFT;
    case VIRTIO_PCI_QUEUE_NUM:
        return virtio_queue_get_num(vdev, vdev->queue_sel);
    case VIRTIO_PCI_QUEUE_SEL:
        return vdev->queue_sel;
    case VIRTIO_PCI_STATUS:
        return vdev->status;
    case VIRTIO_PCI_ISR:
        return qatomic_xchg(&vdev->isr, 0);
    case VIRTIO_MSI_CONFIG_VECTOR:
        return vdev->config_vector;
    case VIRTIO_MSI_QUEUE_VECTOR:
        return virtio_queue_vector(vdev, vdev->queue_sel);
    default:
        return UINT32_MAX;
    }
}

static uint16_t card_vector(uint32_t val)
{
    return val < CARD_VECTORS ? val : VIRTIO_NO_VECTOR;
}

static void card_legacy_set(CardFn *fn, unsigned reg, uint32_t val)
{
    VirtIODevice *vdev = card_fn_vdev(fn);

    switch (reg) {
    case VIRTIO_PCI_GUEST_FEATURES:
        if (val & (1u << VIRTIO_F_BAD_FEATURE)) {
            val = virtio_bus_get_vdev_bad_features(&fn->bus);
        }
        virtio_set_features(vdev, val);
        break;
    case VIRTIO_PCI_QUEUE_PFN:
        /* A transitional device of QEMU's takes zero for a reset, too. */
        if (val) {
            virtio_queue_set_addr(vdev, vdev->queue_sel,
                                  (hwaddr)val << VIRTIO_PCI_QUEUE_ADDR_SHIFT);
        } else {
            card_fn_reset(fn);
        }
        break;
    case VIRTIO_PCI_QUEUE_SEL:
        if (val < VIRTIO_QUEUE_MAX) {
            vdev->queue_sel = val;
        }
        break;
    case VIRTIO_PCI_QUEUE_NOTIFY:
        card_fn_notify(fn, val);
        break;
    case VIRTIO_PCI_STATUS:
        card_fn_set_status(fn, val);
        break;
    case VIRTIO_MSI_CONFIG_VECTOR:
        vdev->config_vector = card_vector(val);
        break;
    case VIRTIO_MSI_QUEUE_VECTOR:
        virtio_queue_set_vector(vdev, vdev->queue_sel, card_vector(val));
        break;
    default:
        /* Read-only registers ignore what is written to them. */
        break;
    }
}

bool card_legacy_read(CardFn *fn, unsigned offset, uint8_t *data, size_t len)
{
    const CardField *field = card_legacy_field(fn, offset, len);
    uint8_t val[4];

    if (!field) {
        return false;
    }

    stl_le_p(val, card_legacy_get(fn, field->offset));
    memcpy(data, val + offset - field->offset, len);
    return true;
}

bool card_legacy_write(CardFn *fn, unsigned offset, const uint8_t *data,
                       size_t len)
{
    const CardField *field = card_legacy_field(fn, offset, len);
    uint8_t val[4] = {};

    if (!field) {
        return false;
    }

    /* To complete a one-byte field is pointless, and ISR would not bear it. */
    if (len < field->size && field->offset != VIRTIO_PCI_QUEUE_NOTIFY) {
        stl_le_p(val, card_legacy_get(fn, field->offset));
        memset(val + field->size, 0, sizeof(val) - field->size);
    }
    memcpy(val + offset - field->offset, data, len);
    card_legacy_set(fn, field->offset, ldl_le_p(val));
    return true;
}

static bool card_config_field(CardFn *fn, unsigned offset, size_t len)
{
    return offset + len <= card_fn_vdev(fn)->config_len &&
           card_find_field(card_config_fields, ARRAY_SIZE(card_config_fields),
                           offset, len);
}

bool card_legacy_config_read(CardFn *fn, unsigned offset, uint8_t *data,
                             size_t len)
{
    if (!card_config_field(fn, offset, len)) {
        return false;
    }
    if (card_of_fn(fn)->knobs.config_churn) {
        memset(data, ++card_of_fn(fn)->churn, len);
        return true;
    }
    for (size_t i = 0; i < len; i++) {
        data[i] = virtio_config_readb(card_fn_vdev(fn), offset + i);
    }
    return true;
}

bool card_legacy_config_write(CardFn *fn, unsigned offset, const uint8_t *data,
                              size_t len)
{
    if (!card_config_field(fn, offset, len)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        virtio_config_writeb(card_fn_vdev(fn), offset + i, data[i]);
    }
    return true;
}
