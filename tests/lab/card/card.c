/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The card's two device types: the PF with its SR-IOV capability, and a VF,
 * which QEMU's PCI core makes and enables on the PF's behalf.
 */
#include "qemu/osdep.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_sriov.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "card.h"

#define CARD_VF_OFFSET  1
#define CARD_VF_STRIDE  1
#define CARD_VF_BAR0_SIZE   0x1000

/* The VF of that number, from 1, if VFs are enabled and it is among them. */
CardFn *card_member(Card *card, uint64_t id)
{
    PCIDevice *pci = &card->fn.pci;

    if (id < 1 || id > pcie_sriov_num_vfs(pci)) {
        return NULL;
    }
    return CARD_FN(pcie_sriov_get_vf_at_index(pci, id - 1));
}

static void card_realize(PCIDevice *pci, Error **errp)
{
    Card *card = CARD(pci);
    ERRP_GUARD();

    if (card->max_vfs > CARD_MAX_VFS) {
        error_setg(errp, "max-vfs is at most %d", CARD_MAX_VFS);
        return;
    }

    card_switch_init(card);
    card_fn_realize(&card->fn, card, 0, errp);
    if (*errp) {
        return;
    }
    card_admin_realize(card);
    card_switch_connect_uplink(card);

    if (!pcie_sriov_pf_init(pci, CARD_SRIOV, TYPE_CARD_VF, CARD_DEVICE_ID,
                            card->max_vfs, card->max_vfs, CARD_VF_OFFSET,
                            CARD_VF_STRIDE, errp)) {
        return;
    }
    pcie_sriov_pf_init_vf_bar(pci, CARD_BAR,
                              PCI_BASE_ADDRESS_SPACE_MEMORY |
                              PCI_BASE_ADDRESS_MEM_PREFETCH |
                              PCI_BASE_ADDRESS_MEM_TYPE_64, CARD_BAR_SIZE);
    /* Nothing is behind it. */
    if (card->vf_bar0) {
        pcie_sriov_pf_init_vf_bar(pci, 0, PCI_BASE_ADDRESS_SPACE_MEMORY,
                                  CARD_VF_BAR0_SIZE);
    }
}

static void card_exit(PCIDevice *pci)
{
    pcie_sriov_pf_exit(pci);
    card_fn_unrealize(CARD_FN(pci));
}

static void card_instance_init(Object *obj)
{
    card_knobs_init(CARD(obj));
}

static const Property card_properties[] = {
    DEFINE_PROP_UINT16("max-vfs", Card, max_vfs, 240),
    DEFINE_PROP_BOOL("vf-bar0", Card, vf_bar0, false),
    DEFINE_PROP_NETDEV("netdev", Card, uplink),
};

static void card_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);

    dc->desc = "virtio-net SR-IOV card with an administration virtqueue";
    dc->hotpluggable = true;
    device_class_set_props(dc, card_properties);
    k->realize = card_realize;
    k->exit = card_exit;
}

static void card_vf_realize(PCIDevice *pci, Error **errp)
{
    card_fn_realize(CARD_FN(pci), CARD(pcie_sriov_get_pf(pci)),
                    pcie_sriov_vf_number(pci) + 1, errp);
}

static void card_vf_exit(PCIDevice *pci)
{
    card_fn_unrealize(CARD_FN(pci));
}

static void card_vf_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);

    dc->user_creatable = false;
    k->realize = card_vf_realize;
    k->exit = card_vf_exit;
}

static const TypeInfo card_types[] = {
    {
        .name = TYPE_CARD,
        .parent = TYPE_CARD_FN,
        .instance_size = sizeof(Card),
        .instance_init = card_instance_init,
        .class_init = card_class_init,
    }, {
        .name = TYPE_CARD_VF,
        .parent = TYPE_CARD_FN,
        .class_init = card_vf_class_init,
    },
};

DEFINE_TYPES(card_types)
