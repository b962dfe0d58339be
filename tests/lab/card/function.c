/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI function of the card: capabilities, the modern virtio-pci registers
 * and interrupts, in front of QEMU's virtio-net.
 */
#include "qemu/osdep.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_aer.h"
#include "hw/pci/pcie_sriov.h"
#include "hw/qdev-properties.h"
#include "hw/virtio/virtio-bus.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "standard-headers/linux/virtio_ids.h"
#include "standard-headers/linux/virtio_pci.h"
#include "card.h"

#define CARD_AER    0x100
#define CARD_ARI    0x150
#define CARD_ACS    0x160

#define CARD_VFS_LATE_MS    900

static bool card_fn_is_pf(CardFn *fn)
{
    return fn->id == 0;
}

/* The transport between the function and virtio-net */

static CardFn *card_fn_of_bus(DeviceState *dev)
{
    return CARD_FN(dev);
}

static void card_bus_notify(DeviceState *dev, uint16_t vector)
{
    CardFn *fn = card_fn_of_bus(dev);

    if (fn->stopped) {
        return;
    }
    if (msix_enabled(&fn->pci)) {
        if (vector != VIRTIO_NO_VECTOR) {
            msix_notify(&fn->pci, vector);
        }
    } else if (card_fn_is_pf(fn)) {
        /* A VF has no INTx. */
        pci_set_irq(&fn->pci, card_fn_vdev(fn)->isr & 1);
    }
}

static void card_bus_pre_plugged(DeviceState *dev, Error **errp)
{
    CardFn *fn = card_fn_of_bus(dev);
    uint64_t *features = &card_fn_vdev(fn)->host_features;

    virtio_add_feature(features, VIRTIO_F_VERSION_1);
    virtio_add_feature(features, VIRTIO_F_BAD_FEATURE);
    if (card_fn_is_pf(fn)) {
        virtio_add_feature(features, VIRTIO_F_SR_IOV);
        virtio_add_feature(features, VIRTIO_F_ADMIN_VQ);
    }
}

static int card_bus_query_nvectors(DeviceState *dev)
{
    return CARD_VECTORS;
}

static AddressSpace *card_bus_get_dma_as(DeviceState *dev)
{
    return pci_get_address_space(&card_fn_of_bus(dev)->pci);
}

static void card_bus_class_init(ObjectClass *klass, void *data)
{
    BusClass *bus_class = BUS_CLASS(klass);
    VirtioBusClass *k = VIRTIO_BUS_CLASS(klass);

    bus_class->max_dev = 1;
    k->notify = card_bus_notify;
    k->pre_plugged = card_bus_pre_plugged;
    k->query_nvectors = card_bus_query_nvectors;
    k->get_dma_as = card_bus_get_dma_as;
}

Card *card_of_fn(CardFn *fn)
{
    return card_fn_is_pf(fn) ? CARD(fn) : CARD(pcie_sriov_get_pf(&fn->pci));
}

static bool card_fn_is_gone(CardFn *fn)
{
    return card_of_fn(fn)->knobs.gone;
}

/* Has the PF that quirk, and is this it? */
static bool card_fn_quirk(CardFn *fn, CardQuirk quirk)
{
    return card_fn_is_pf(fn) && card_has_quirk(CARD(fn), quirk);
}

/* Modern registers */

static uint16_t card_num_queues(CardFn *fn)
{
    return virtio_get_num_queues(card_fn_vdev(fn));
}

static uint16_t card_admin_index(CardFn *fn)
{
    if (!card_fn_is_pf(fn) || card_fn_quirk(fn, CARD_QUIRK_OWN_ADMIN)) {
        return 0;
    }
    return card_fn_quirk(fn, CARD_QUIRK_ABSENT_ADMIN) ? CARD_ADMIN_VQ - 1
                                                      : CARD_ADMIN_VQ;
}

static uint64_t card_common_read(void *opaque, hwaddr addr, unsigned size)
{
    CardFn *fn = opaque;
    VirtIODevice *vdev = card_fn_vdev(fn);
    VirtioDeviceClass *k = VIRTIO_DEVICE_GET_CLASS(vdev);
    CardQueue none = {};
    CardQueue *q = vdev->queue_sel < CARD_QUEUES ? &fn->queue[vdev->queue_sel]
                                                 : &none;

    if (card_fn_is_gone(fn)) {
        return UINT64_MAX;
    }

    switch (addr) {
    case VIRTIO_PCI_COMMON_DFSELECT:
        return fn->dfselect;
    case VIRTIO_PCI_COMMON_DF:
        return fn->dfselect > 1 ? 0 :
            (vdev->host_features & ~k->legacy_features) >> 32 * fn->dfselect;
    case VIRTIO_PCI_COMMON_GFSELECT:
        return fn->gfselect;
    case VIRTIO_PCI_COMMON_GF:
        return fn->gfselect > 1 ? 0 : fn->guest_features[fn->gfselect];
    case VIRTIO_PCI_COMMON_MSIX:
        return card_fn_quirk(fn, CARD_QUIRK_CONFIG_VECTOR) ? VIRTIO_NO_VECTOR
                                                           : vdev->config_vector;
    case VIRTIO_PCI_COMMON_NUMQ:
        return card_num_queues(fn);
    case VIRTIO_PCI_COMMON_STATUS:
        return vdev->status;
    case VIRTIO_PCI_COMMON_CFGGENERATION:
        return vdev->generation;
    case VIRTIO_PCI_COMMON_Q_SELECT:
        return vdev->queue_sel;
    case VIRTIO_PCI_COMMON_Q_SIZE:
        return virtio_queue_get_num(vdev, vdev->queue_sel);
    case VIRTIO_PCI_COMMON_Q_MSIX:
        return virtio_queue_vector(vdev, vdev->queue_sel);
    case VIRTIO_PCI_COMMON_Q_ENABLE:
        return q->enabled;
    case VIRTIO_PCI_COMMON_Q_NOFF:
        /* By the multiplier that comes with it the first is 2^32. */
        return vdev->queue_sel + card_fn_quirk(fn, CARD_QUIRK_NOTIFY_FAR) * 2;
    case VIRTIO_PCI_COMMON_Q_RESET:
        return q->resetting && card_fn_quirk(fn, CARD_QUIRK_STUCK);
    case VIRTIO_PCI_COMMON_Q_DESCLO:
    case VIRTIO_PCI_COMMON_Q_DESCHI:
        return q->desc[addr == VIRTIO_PCI_COMMON_Q_DESCHI];
    case VIRTIO_PCI_COMMON_Q_AVAILLO:
    case VIRTIO_PCI_COMMON_Q_AVAILHI:
        return q->avail[addr == VIRTIO_PCI_COMMON_Q_AVAILHI];
    case VIRTIO_PCI_COMMON_Q_USEDLO:
    case VIRTIO_PCI_COMMON_Q_USEDHI:
        return q->used[addr == VIRTIO_PCI_COMMON_Q_USEDHI];
    case VIRTIO_PCI_COMMON_ADM_Q_IDX:
        return card_admin_index(fn);
    case VIRTIO_PCI_COMMON_ADM_Q_NUM:
        return card_fn_is_pf(fn);
    default:
        return 0;
    }
}

void card_fn_queue_enable(CardFn *fn, unsigned n)
{
    VirtIODevice *vdev = card_fn_vdev(fn);
    CardQueue *q = &fn->queue[n];

    if (q->size) {
        virtio_queue_set_num(vdev, n, q->size);
    }
    virtio_queue_set_rings(vdev, n,
                           (uint64_t)q->desc[1] << 32 | q->desc[0],
                           (uint64_t)q->avail[1] << 32 | q->avail[0],
                           (uint64_t)q->used[1] << 32 | q->used[0]);
    q->enabled = true;
    virtio_queue_enable(vdev, n);
}

static void card_queue_reset(CardFn *fn, unsigned n)
{
    if (card_fn_is_pf(fn) && n == CARD_ADMIN_VQ) {
        card_admin_reset(CARD(fn));
    }
    virtio_queue_reset(card_fn_vdev(fn), n);
    fn->queue[n].enabled = false;
    fn->queue[n].resetting = true;
}

static uint16_t card_modern_vector(uint64_t val)
{
    return val < CARD_VECTORS ? val : VIRTIO_NO_VECTOR;
}

static uint16_t card_queue_vector(CardFn *fn, unsigned n, uint64_t val)
{
    bool admin = n == CARD_ADMIN_VQ;

    if (card_fn_quirk(fn, admin ? CARD_QUIRK_ADMIN_VECTOR
                                : CARD_QUIRK_QUEUE_VECTOR) &&
        !(admin && val == 0)) {
        return VIRTIO_NO_VECTOR;
    }
    return card_modern_vector(val);
}

static void card_common_write(void *opaque, hwaddr addr, uint64_t val,
                              unsigned size)
{
    CardFn *fn = opaque;
    VirtIODevice *vdev = card_fn_vdev(fn);
    unsigned n = vdev->queue_sel;
    CardQueue *q = &fn->queue[n];

    if (card_fn_is_gone(fn)) {
        return;
    }

    switch (addr) {
    case VIRTIO_PCI_COMMON_DFSELECT:
        fn->dfselect = val;
        return;
    case VIRTIO_PCI_COMMON_GFSELECT:
        fn->gfselect = val;
        return;
    case VIRTIO_PCI_COMMON_GF:
        if (fn->gfselect < ARRAY_SIZE(fn->guest_features)) {
            fn->guest_features[fn->gfselect] = val;
            virtio_set_features(vdev, (uint64_t)fn->guest_features[1] << 32 |
                                      fn->guest_features[0]);
        }
        return;
    case VIRTIO_PCI_COMMON_MSIX:
        vdev->config_vector = card_modern_vector(val);
        return;
    case VIRTIO_PCI_COMMON_STATUS:
        card_fn_set_status(fn, val);
        return;
    case VIRTIO_PCI_COMMON_Q_SELECT:
        if (val < VIRTIO_QUEUE_MAX) {
            vdev->queue_sel = val;
        }
        return;
    }

    /* The rest is about a queue, which has to exist. */
    if (n >= CARD_QUEUES || !virtio_queue_get_num(vdev, n)) {
        return;
    }

    switch (addr) {
    case VIRTIO_PCI_COMMON_Q_SIZE:
        q->size = val;
        virtio_queue_set_num(vdev, n, val);
        virtio_init_region_cache(vdev, n);
        break;
    case VIRTIO_PCI_COMMON_Q_MSIX:
        virtio_queue_set_vector(vdev, n, card_queue_vector(fn, n, val));
        break;
    case VIRTIO_PCI_COMMON_Q_ENABLE:
        if (val == 1) {
            card_fn_queue_enable(fn, n);
        } else {
            virtio_error(vdev, "wrong value for queue_enable");
        }
        break;
    case VIRTIO_PCI_COMMON_Q_DESCLO:
    case VIRTIO_PCI_COMMON_Q_DESCHI:
        q->desc[addr == VIRTIO_PCI_COMMON_Q_DESCHI] = val;
        break;
    case VIRTIO_PCI_COMMON_Q_AVAILLO:
    case VIRTIO_PCI_COMMON_Q_AVAILHI:
        q->avail[addr == VIRTIO_PCI_COMMON_Q_AVAILHI] = val;
        break;
    case VIRTIO_PCI_COMMON_Q_USEDLO:
    case VIRTIO_PCI_COMMON_Q_USEDHI:
        q->used[addr == VIRTIO_PCI_COMMON_Q_USEDHI] = val;
        break;
    case VIRTIO_PCI_COMMON_Q_RESET:
        if (val == 1) {
            card_queue_reset(fn, n);
        }
        break;
    }
}

static uint64_t card_isr_read(void *opaque, hwaddr addr, unsigned size)
{
    CardFn *fn = opaque;
    uint8_t isr;

    if (card_fn_is_gone(fn)) {
        return UINT64_MAX;
    }
    isr = qatomic_xchg(&card_fn_vdev(fn)->isr, 0);

    if (card_fn_is_pf(fn)) {
        pci_irq_deassert(&fn->pci);
    }
    return isr;
}

static void card_isr_write(void *opaque, hwaddr addr, uint64_t val,
                           unsigned size)
{
}

static uint64_t card_config_read(void *opaque, hwaddr addr, unsigned size)
{
    VirtIODevice *vdev = card_fn_vdev(opaque);

    if (card_fn_is_gone(opaque)) {
        return UINT64_MAX;
    }

    switch (size) {
    case 1:
        return virtio_config_modern_readb(vdev, addr);
    case 2:
        return virtio_config_modern_readw(vdev, addr);
    default:
        return virtio_config_modern_readl(vdev, addr);
    }
}

static void card_config_write(void *opaque, hwaddr addr, uint64_t val,
                              unsigned size)
{
    VirtIODevice *vdev = card_fn_vdev(opaque);

    if (card_fn_is_gone(opaque)) {
        return;
    }
    if (card_fn_is_pf(opaque)) {
        char *written = CARD(opaque)->config_written;
        size_t len = strlen(written);

        snprintf(written + len, sizeof(CARD(opaque)->config_written) - len,
                 "%s%u/%u=0x%" PRIx64, len ? " " : "", (unsigned)addr, size,
                 val);
    }

    switch (size) {
    case 1:
        virtio_config_modern_writeb(vdev, addr, val);
        break;
    case 2:
        virtio_config_modern_writew(vdev, addr, val);
        break;
    default:
        virtio_config_modern_writel(vdev, addr, val);
        break;
    }
}

static uint64_t card_notify_read(void *opaque, hwaddr addr, unsigned size)
{
    return 0;
}

static void card_notify_write(void *opaque, hwaddr addr, uint64_t val,
                              unsigned size)
{
    if (!card_fn_is_gone(opaque)) {
        card_fn_notify(opaque, addr / CARD_NOTIFY_MULT);
    }
}

static uint64_t card_legacy_notify_read(void *opaque, hwaddr addr,
                                        unsigned size)
{
    return UINT64_MAX;
}

/*
 * A notification by a legacy driver: at the VF's own address, or at that
 * which it has in the PF's BAR.
 */
static void card_legacy_notify_write(void *opaque, hwaddr addr, uint64_t val,
                                     unsigned size)
{
    CardFn *fn = opaque;
    hwaddr offset = CARD_BAR_LEGACY + addr;
    CardFn *member;
    Card *card;

    if (card_fn_is_gone(fn)) {
        return;
    }

    if (!card_fn_is_pf(fn)) {
        if (offset == CARD_LEGACY_MEMBER) {
            card = CARD(pcie_sriov_get_pf(&fn->pci));
            card->counters.notify_member++;
            card_fn_notify(fn, val);
        }
        return;
    }

    card = CARD(fn);
    member = card_member(card, addr / 4);
    if (member && offset == CARD_LEGACY_OWNER(member->id)) {
        card->counters.notify_owner++;
        card_fn_notify(member, val);
    }
}

static void card_fn_region(CardFn *fn, MemoryRegion *mr,
                           const MemoryRegionOps *ops, const char *name,
                           hwaddr offset)
{
    memory_region_init_io(mr, OBJECT(fn), ops, fn, name, 0x1000);
    memory_region_add_subregion(&fn->bar, offset, mr);
}

static void card_fn_init_bar(CardFn *fn)
{
    static const MemoryRegionOps common_ops = {
        .read = card_common_read,
        .write = card_common_write,
        .endianness = DEVICE_LITTLE_ENDIAN,
        .impl = { .min_access_size = 1, .max_access_size = 4 },
    };
    static const MemoryRegionOps isr_ops = {
        .read = card_isr_read,
        .write = card_isr_write,
        .endianness = DEVICE_LITTLE_ENDIAN,
        .impl = { .min_access_size = 1, .max_access_size = 4 },
    };
    static const MemoryRegionOps config_ops = {
        .read = card_config_read,
        .write = card_config_write,
        .endianness = DEVICE_LITTLE_ENDIAN,
        .impl = { .min_access_size = 1, .max_access_size = 4 },
    };
    static const MemoryRegionOps notify_ops = {
        .read = card_notify_read,
        .write = card_notify_write,
        .endianness = DEVICE_LITTLE_ENDIAN,
        .impl = { .min_access_size = 1, .max_access_size = 4 },
    };
    static const MemoryRegionOps legacy_ops = {
        .read = card_legacy_notify_read,
        .write = card_legacy_notify_write,
        .endianness = DEVICE_LITTLE_ENDIAN,
        .valid = { .min_access_size = 2, .max_access_size = 2 },
        .impl = { .min_access_size = 2, .max_access_size = 2 },
    };

    memory_region_init(&fn->bar, OBJECT(fn), "card", CARD_BAR_SIZE);
    card_fn_region(fn, &fn->common, &common_ops, "card-common",
                   CARD_BAR_COMMON);
    card_fn_region(fn, &fn->isr, &isr_ops, "card-isr", CARD_BAR_ISR);
    card_fn_region(fn, &fn->config, &config_ops, "card-config",
                   CARD_BAR_CONFIG);
    card_fn_region(fn, &fn->notify, &notify_ops, "card-notify",
                   CARD_BAR_NOTIFY);
    card_fn_region(fn, &fn->legacy, &legacy_ops, "card-legacy",
                   CARD_BAR_LEGACY);
    pci_register_bar(&fn->pci, CARD_BAR,
                     PCI_BASE_ADDRESS_SPACE_MEMORY |
                     PCI_BASE_ADDRESS_MEM_PREFETCH |
                     PCI_BASE_ADDRESS_MEM_TYPE_64, &fn->bar);
}

/* Capabilities */

static uint8_t card_fn_virtio_cap(CardFn *fn, uint8_t type, uint32_t offset,
                                  uint32_t length)
{
    struct virtio_pci_notify_cap cap = {
        .cap.cap_len = type == VIRTIO_PCI_CAP_NOTIFY_CFG ? sizeof(cap)
                                                         : sizeof(cap.cap),
        .cap.cfg_type = type,
        .cap.bar = CARD_BAR,
        .cap.offset = cpu_to_le32(offset),
        .cap.length = cpu_to_le32(length),
        .notify_off_multiplier = cpu_to_le32(CARD_NOTIFY_MULT),
    };
    int pos = pci_add_capability(&fn->pci, PCI_CAP_ID_VNDR, 0, cap.cap.cap_len,
                                 &error_abort);

    memcpy(fn->pci.config + pos + PCI_CAP_FLAGS, &cap.cap.cap_len,
           cap.cap.cap_len - PCI_CAP_FLAGS);
    return pos;
}

void card_fn_identity_changed(Card *card)
{
    uint8_t *config = card->fn.pci.config;
    uint64_t *features = &card_fn_vdev(&card->fn)->host_features;
    uint32_t mult = CARD_NOTIFY_MULT;

    config[card->fn.common_cap + offsetof(struct virtio_pci_cap, cfg_type)] =
        card_has_quirk(card, CARD_QUIRK_NO_COMMON) ? UINT8_MAX
                                                   : VIRTIO_PCI_CAP_COMMON_CFG;
    pci_set_long(config + card->fn.common_cap +
                 offsetof(struct virtio_pci_cap, length),
                 card_has_quirk(card, CARD_QUIRK_OLD)
                 ? VIRTIO_PCI_COMMON_Q_NDATA : VIRTIO_PCI_COMMON_ADM_Q_NUM + 2);

    if (card_has_quirk(card, CARD_QUIRK_NOTIFY_ODD)) {
        mult = 1;
    } else if (card_has_quirk(card, CARD_QUIRK_NOTIFY_FAR)) {
        mult = 1u << 31;
    } else if (card_has_quirk(card, CARD_QUIRK_NOTIFY_OUT)) {
        mult = 0x1000;
    }
    pci_set_long(config + card->fn.notify_cap +
                 offsetof(struct virtio_pci_notify_cap, notify_off_multiplier),
                 mult);
    /* What lies behind it is none of theirs, and they don't use it. */
    pci_set_long(config + card->fn.notify_cap +
                 offsetof(struct virtio_pci_cap, length),
                 card_has_quirk(card, CARD_QUIRK_NOTIFY_APART) ? 0x2000
                                                               : 0x1000);

    pci_set_word_by_mask(config + card->fn.pci.msix_cap + PCI_MSIX_FLAGS,
                         PCI_MSIX_FLAGS_QSIZE, card->knobs.vectors - 1);
    pci_set_word(config + CARD_SRIOV + PCI_SRIOV_INITIAL_VF,
                 card_has_quirk(card, CARD_QUIRK_NO_VFS) ? 0 : card->max_vfs);

    *features = deposit64(*features, VIRTIO_F_VERSION_1, 1,
                          !card_has_quirk(card, CARD_QUIRK_NO_VERSION_1));
    *features = deposit64(*features, VIRTIO_F_SR_IOV, 1,
                          !card_has_quirk(card, CARD_QUIRK_NO_SR_IOV));
    *features = deposit64(*features, VIRTIO_F_RING_PACKED, 1,
                          card_has_quirk(card, CARD_QUIRK_PACKED));
}

static void card_fn_init_config(CardFn *fn)
{
    PCIDevice *pci = &fn->pci;
    int pm;

    pci_config_set_revision(pci->config, 1);
    if (card_fn_is_pf(fn)) {
        pci_config_set_interrupt_pin(pci->config, 1);
    } else {
        /* VF Memory Space Enable of the PF decides, card_fn_read_config() */
        pci_word_test_and_clear_mask(pci->wmask + PCI_COMMAND,
                                     PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
                                     PCI_COMMAND_INTX_DISABLE);
        pci_word_test_and_set_mask(pci->config + PCI_COMMAND,
                                   PCI_COMMAND_MEMORY);
    }

    pcie_endpoint_cap_init(pci, 0);
    pcie_cap_deverr_init(pci);
    pcie_cap_flr_init(pci);

    pm = pci_pm_init(pci, 0, &error_abort);
    pci_set_word(pci->config + pm + PCI_PM_PMC, 3);
    pci_set_word(pci->config + pm + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
    pci_set_word(pci->wmask + pm + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);

    fn->common_cap = card_fn_virtio_cap(fn, VIRTIO_PCI_CAP_COMMON_CFG,
                                        CARD_BAR_COMMON,
                                        VIRTIO_PCI_COMMON_ADM_Q_NUM + 2);
    card_fn_virtio_cap(fn, VIRTIO_PCI_CAP_ISR_CFG, CARD_BAR_ISR, 4);
    card_fn_virtio_cap(fn, VIRTIO_PCI_CAP_DEVICE_CFG, CARD_BAR_CONFIG, 0x1000);
    fn->notify_cap = card_fn_virtio_cap(fn, VIRTIO_PCI_CAP_NOTIFY_CFG,
                                        CARD_BAR_NOTIFY, 0x1000);

    pcie_aer_init(pci, PCI_ERR_VER, CARD_AER, PCI_ERR_SIZEOF, &error_abort);
    pcie_ari_init(pci, CARD_ARI);

    /*
     * No traffic between the functions on the PCI side, so there is nothing
     * to control, and an empty capability says so: each function is an IOMMU
     * group of its own.
     */
    pcie_add_capability(pci, PCI_EXT_CAP_ID_ACS, PCI_ACS_VER, CARD_ACS,
                        PCI_ACS_SIZEOF);
}

/*
 * A VF has no Memory Space Enable of its own, and QEMU decodes no BAR without:
 * inside it is always on, outside it reads as zero.
 */
static uint32_t card_fn_read_config(PCIDevice *pci, uint32_t addr, int len)
{
    uint32_t val = pci_default_read_config(pci, addr, len);
    CardFn *fn = CARD_FN(pci);

    if (card_fn_is_gone(fn) ||
        (!card_fn_is_pf(fn) && qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) <
                               card_of_fn(fn)->vfs_back)) {
        return UINT32_MAX >> 8 * (4 - len);
    }
    if (card_fn_is_pf(fn)) {
        return val;
    }
    if (addr <= PCI_COMMAND && addr + len > PCI_COMMAND) {
        val &= ~(PCI_COMMAND_MEMORY << (PCI_COMMAND - addr) * 8);
    }
    return val;
}

static bool card_fn_is_master(CardFn *fn)
{
    return pci_get_word(fn->pci.config + PCI_COMMAND) & PCI_COMMAND_MASTER;
}

void card_fn_update(CardFn *fn)
{
    virtio_set_disabled(card_fn_vdev(fn),
                        fn->stopped || !card_fn_is_master(fn));
}

void card_fn_write_config(PCIDevice *pci, uint32_t addr, uint32_t val, int len)
{
    CardFn *fn = CARD_FN(pci);
    VirtIODevice *vdev = card_fn_vdev(fn);

    if (card_fn_is_gone(fn)) {
        return;
    }

    /* Enabling VFs maps all their BARs: one update of the memory map. */
    memory_region_transaction_begin();
    pci_default_write_config(pci, addr, val, len);
    memory_region_transaction_commit();

    pcie_cap_flr_write_config(pci, addr, val, len);
    pcie_aer_write_config(pci, addr, val, len);

    card_fn_update(fn);
    if (!card_fn_is_master(fn) && ranges_overlap(addr, len, PCI_COMMAND, 2)) {
        virtio_set_status(vdev, vdev->status & ~VIRTIO_CONFIG_S_DRIVER_OK);
    }
}

void card_fn_notify(CardFn *fn, uint16_t queue)
{
    VirtIODevice *vdev = card_fn_vdev(fn);

    if (queue < VIRTIO_QUEUE_MAX && virtio_queue_get_num(vdev, queue)) {
        virtio_queue_notify(vdev, queue);
    }
}

/* A reset of the virtio device */
void card_fn_reset(CardFn *fn)
{
    if (card_fn_is_pf(fn)) {
        card_admin_reset(CARD(fn));
    }
    timer_del(fn->reset);
    card_parts_fn_reset(fn);
    virtio_bus_reset(&fn->bus);
    fn->dfselect = 0;
    fn->gfselect = 0;
    memset(fn->guest_features, 0, sizeof(fn->guest_features));
    memset(fn->queue, 0, sizeof(fn->queue));
    if (card_fn_is_pf(fn)) {
        virtio_queue_set_num(card_fn_vdev(fn), CARD_ADMIN_VQ,
                             CARD(fn)->knobs.admin_size);
    }
}

static void card_fn_reset_over(void *opaque)
{
    CardFn *fn = opaque;

    virtio_set_status(card_fn_vdev(fn), 0);
    card_fn_reset(fn);
}

/*
 * A VF that was in use may take its time, and goes on as it was until then.
 * Return: whether that is so.
 */
static bool card_fn_reset_later(CardFn *fn)
{
    uint32_t ms = card_of_fn(fn)->knobs.reset_ms;

    if (card_fn_is_pf(fn) || !ms || !card_fn_vdev(fn)->status) {
        return false;
    }
    if (!timer_pending(fn->reset)) {
        timer_mod(fn->reset, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + ms);
    }
    return true;
}

void card_fn_set_status(CardFn *fn, uint8_t val)
{
    VirtIODevice *vdev = card_fn_vdev(fn);
    bool started;

    if (!val && card_fn_reset_later(fn)) {
        return;
    }
    if (!val && vdev->status && card_fn_quirk(fn, CARD_QUIRK_STUCK)) {
        return;
    }
    started = val & ~vdev->status & VIRTIO_CONFIG_S_DRIVER_OK;
    virtio_set_status(vdev, val);
    if (!vdev->status) {
        card_fn_reset(fn);
    }
    /* What was notified before, virtio-net has forgotten. */
    for (unsigned i = 0; started && i < CARD_NET_QUEUES; i++) {
        card_fn_notify(fn, i);
    }
}

/* A reset of the PCI function; QEMU's PCI core sees to its registers. */
static void card_fn_reset_hold(Object *obj, ResetType type)
{
    CardFn *fn = CARD_FN(obj);

    if (card_fn_quirk(fn, CARD_QUIRK_VFS_LATE)) {
        CARD(fn)->vfs_back = qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) +
                             CARD_VFS_LATE_MS;
    }
    if (!card_of_fn(fn)->knobs.reset_flr || !card_fn_reset_later(fn)) {
        card_fn_reset(fn);
    }
    pcie_cap_deverr_reset(&fn->pci);
}

void card_fn_realize(CardFn *fn, Card *card, unsigned id, Error **errp)
{
    DeviceState *net = DEVICE(&fn->net);
    MACAddr mac = { .a = { 0x52, 0x54, 0, 0, 0, id } };

    fn->id = id;
    fn->pci.config_write = card_fn_write_config;
    fn->pci.config_read = card_fn_read_config;

    card_fn_init_config(fn);
    card_fn_init_bar(fn);
    if (msix_init(&fn->pci, CARD_VECTORS, &fn->bar, CARD_BAR, CARD_BAR_MSIX,
                  &fn->bar, CARD_BAR, CARD_BAR_PBA, 0, errp)) {
        return;
    }
    for (unsigned i = 0; i < CARD_VECTORS; i++) {
        msix_vector_use(&fn->pci, i);
    }

    fn->reset = timer_new_ms(QEMU_CLOCK_VIRTUAL, card_fn_reset_over, fn);
    qbus_init(&fn->bus, sizeof(fn->bus), TYPE_CARD_BUS, DEVICE(fn),
              "virtio-bus");
    card_switch_connect(card, fn);
    fn->net.nic_conf.macaddr = mac;
    qdev_prop_set_bit(net, "mq", true);
    qdev_prop_set_uint16(net, "host_mtu", CARD_MTU);
    /* Without this QEMU's virtio core goes past the IOMMU. */
    qdev_prop_set_bit(net, "iommu_platform", true);
    qdev_realize(net, BUS(&fn->bus), errp);
}

void card_fn_unrealize(CardFn *fn)
{
    timer_free(fn->reset);
    pcie_aer_exit(&fn->pci);
    msix_uninit(&fn->pci, &fn->bar, &fn->bar);
}

static void card_fn_instance_init(Object *obj)
{
    object_initialize_child(obj, "virtio-backend", &CARD_FN(obj)->net,
                            TYPE_VIRTIO_NET);
}

static void card_fn_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);
    ResettableClass *rc = RESETTABLE_CLASS(klass);

    k->vendor_id = PCI_VENDOR_ID_REDHAT_QUMRANET;
    k->device_id = CARD_DEVICE_ID;
    k->class_id = PCI_CLASS_NETWORK_ETHERNET;
    rc->phases.hold = card_fn_reset_hold;
    dc->hotpluggable = false;
    set_bit(DEVICE_CATEGORY_NETWORK, dc->categories);
}

static const TypeInfo card_fn_types[] = {
    {
        .name = TYPE_CARD_BUS,
        .parent = TYPE_VIRTIO_BUS,
        .instance_size = sizeof(VirtioBusState),
        .class_size = sizeof(VirtioBusClass),
        .class_init = card_bus_class_init,
    }, {
        .name = TYPE_CARD_FN,
        .parent = TYPE_PCI_DEVICE,
        .instance_size = sizeof(CardFn),
        .instance_init = card_fn_instance_init,
        .class_init = card_fn_class_init,
        .abstract = true,
        .interfaces = (InterfaceInfo[]) {
            { INTERFACE_PCIE_DEVICE },
            { },
        },
    },
};

DEFINE_TYPES(card_fn_types)
