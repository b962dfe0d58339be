/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VIRTIO_PCI_OWNER_H
#define VIRTIO_PCI_OWNER_H

#include <linux/types.h>

struct pci_dev;

/* Virtio 1.4, 2.13.4 "Device resource objects"; in no kernel's UAPI yet. */
#define VIRTIO_PCI_OWNER_CMD_RESOURCE_OBJ_MODIFY	0xb
#define VIRTIO_PCI_OWNER_CMD_RESOURCE_OBJ_QUERY		0xc

/*
 * Room for one admin command, reused. Belongs to one user, who executes one
 * command at a time with it.
 */
struct virtio_pci_owner_cmd;

/**
 * struct virtio_pci_owner_request - one admin command and its answer
 * @group: VIRTIO_ADMIN_GROUP_TYPE_*
 * @opcode: VIRTIO_ADMIN_CMD_*
 * @data: command specific data
 * @data_len: bytes of @data
 * @result: where the command specific result goes
 * @result_len: bytes of room in @result
 * @used: bytes of @result that the device wrote
 * @status: VIRTIO_ADMIN_STATUS_* as the device gave it
 * @qualifier: VIRTIO_ADMIN_STATUS_Q_*, -1 if the device gave none
 *
 * Virtio 1.4, 2.13 "Group administration commands".
 */
struct virtio_pci_owner_request {
	u16 group;
	u16 opcode;
	const void *data;
	size_t data_len;
	void *result;
	size_t result_len;
	size_t used;
	u16 status;
	int qualifier;
};

/**
 * virtio_pci_owner_drives - whether virtio_pci_owner drives a VF's PF
 * @vf: a member device that stays bound to its driver
 *
 * Return: if so.
 */
bool virtio_pci_owner_drives(struct pci_dev *vf);

/**
 * virtio_pci_owner_supports - whether the owner device has an admin command
 * @vf: as for virtio_pci_owner_execute()
 * @group: VIRTIO_ADMIN_GROUP_TYPE_*
 * @opcode: VIRTIO_ADMIN_CMD_*
 *
 * Context: may sleep as virtio_pci_owner_execute().
 * Return: 0, -EOPNOTSUPP if not, or as virtio_pci_owner_execute().
 */
int virtio_pci_owner_supports(struct pci_dev *vf, u16 group, u16 opcode);

/**
 * virtio_pci_owner_cmd_alloc - make room for commands
 * @data: bytes of the longest command specific data
 * @result: bytes of the longest command specific result
 *
 * Return: the room, or NULL without memory.
 */
struct virtio_pci_owner_cmd *virtio_pci_owner_cmd_alloc(size_t data,
							size_t result);

/**
 * virtio_pci_owner_cmd_free - give it back
 * @cmd: the room, or NULL
 *
 * What the device has not answered is kept until it does or is reset.
 */
void virtio_pci_owner_cmd_free(struct virtio_pci_owner_cmd *cmd);

/**
 * virtio_pci_owner_execute - send an admin command and wait for its answer
 * @vf: the member device, bound to the caller, whose PF
 *	virtio_pci_owner_drives()
 * @cmd: the room to use; one caller at a time
 * @rq: the command, and its answer on return
 *
 * Allocates nothing, but for the first command of a group.
 *
 * Context: sleeps for room in the queue and the answer together at most
 * admin_timeout, then a second if there was none; the first command of a group
 * after a reset waits for two more like it.
 * Return: 0 if the device gave an answer whose size is right for the command,
 * @rq->status says which; -EOPNOTSUPP if it lacks the command or has refused to
 * list what it has; -ETIMEDOUT without an answer, and -EIO from then on with
 * this @cmd until there is one; -EIO if the device is broken or its answer has
 * a wrong size, and @rq->result is as it was; -EINTR if the caller was killed;
 * -ENODEV if the PF's virtio device has no driver.
 */
int virtio_pci_owner_execute(struct pci_dev *vf,
			     struct virtio_pci_owner_cmd *cmd,
			     struct virtio_pci_owner_request *rq);

#endif
