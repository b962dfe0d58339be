// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is shown as transitional, and who decides.
 *
 * VFIO_BDF is a VF that can be; ORACLE, if set, a function that can't. With
 * LEGACY_SUPPORTED=0 the card serves no legacy commands.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "../kselftest_harness.h"
#include "lib.h"

#define DRIVER	"virtio_vfio_pci"
#define NEW_ID	"/sys/bus/pci/drivers/" DRIVER "/new_id"
#define OLD_ID	"/sys/bus/pci/drivers/" DRIVER "/remove_id"

FIXTURE(optin)
{
	const char *bdf;
	bool supported;
};

FIXTURE_SETUP(optin)
{
	const char *supported = getenv("LEGACY_SUPPORTED");

	if (!target_is("ours"))
		SKIP(return, "the sysfs files of our driver");
	self->bdf = env("VFIO_BDF");
	self->supported = !supported || strcmp(supported, "0");
	ASSERT_EQ(0, param_set("transitional", "N"));
	ASSERT_EQ(0, pci_bind(self->bdf, DRIVER));
}

FIXTURE_TEARDOWN(optin)
{
	if (target_is("ours"))
		param_set("transitional", "N");
}

static unsigned int device_id(struct __test_metadata *_metadata,
			      const char *bdf)
{
	struct vdev v;
	unsigned int id;

	ASSERT_EQ(0, vdev_open(&v, bdf));
	id = config_get(&v, PCI_DEVICE_ID, 2);
	vdev_close(&v);
	return id;
}

TEST_F(optin, off_by_default)
{
	EXPECT_EQ(0, vf_get(self->bdf, "transitional"));
	EXPECT_EQ(0, vf_get(self->bdf, "legacy_active"));
	EXPECT_EQ(self->supported, vf_get(self->bdf, "legacy_supported"));
	EXPECT_EQ(0x1041, device_id(_metadata, self->bdf));
}

TEST_F(optin, per_vf)
{
	if (!self->supported)
		SKIP(return, "the card is set to serve no legacy commands");

	ASSERT_EQ(0, vf_set(self->bdf, "transitional", "1"));
	EXPECT_EQ(1, vf_get(self->bdf, "transitional"));
	EXPECT_EQ(0x1000, device_id(_metadata, self->bdf));
	ASSERT_EQ(0, vf_set(self->bdf, "transitional", "0"));
	EXPECT_EQ(0, vf_get(self->bdf, "transitional"));
	EXPECT_EQ(0x1041, device_id(_metadata, self->bdf));
}

TEST_F(optin, module_parameter_is_for_new_bindings)
{
	ASSERT_EQ(0, param_set("transitional", "Y"));
	EXPECT_EQ(0, vf_get(self->bdf, "transitional"));
	ASSERT_EQ(0, pci_bind(self->bdf, DRIVER));
	EXPECT_EQ(self->supported, vf_get(self->bdf, "transitional"));
	EXPECT_EQ(self->supported ? 0x1000 : 0x1041,
		  device_id(_metadata, self->bdf));
}

TEST_F(optin, refused_where_pf_cannot)
{
	if (self->supported)
		SKIP(return, "the card is set to serve legacy commands");

	log_mark();
	EXPECT_EQ(-EOPNOTSUPP, vf_set(self->bdf, "transitional", "1"));
	EXPECT_EQ(1, log_count("can't be transitional: "));
	EXPECT_EQ(0, vf_get(self->bdf, "transitional"));
	EXPECT_EQ(0, vf_set(self->bdf, "transitional", "0"));
}

TEST_F(optin, garbage)
{
	EXPECT_EQ(-EINVAL, vf_set(self->bdf, "transitional", "maybe"));
	EXPECT_EQ(-EINVAL, vf_set(self->bdf, "transitional", "\n"));
	EXPECT_NE(0, vf_set(self->bdf, "legacy_supported", "1"));
	EXPECT_NE(0, vf_set(self->bdf, "legacy_active", "1"));
}

TEST_F(optin, busy_while_open)
{
	struct vdev v;

	if (!self->supported)
		SKIP(return, "the card is set to serve no legacy commands");

	ASSERT_EQ(0, vf_set(self->bdf, "transitional", "1"));
	ASSERT_EQ(0, vdev_open(&v, self->bdf));
	EXPECT_EQ(-EBUSY, vf_set(self->bdf, "transitional", "0"));
	EXPECT_EQ(-EBUSY, vf_set(self->bdf, "transitional", "1"));
	vdev_close(&v);
	EXPECT_EQ(0, vf_set(self->bdf, "transitional", "0"));
}

TEST_F(optin, legacy_active)
{
	const char *bdf = self->bdf;
	struct vdev v;

	if (!self->supported)
		SKIP(return, "the card is set to serve no legacy commands");

	ASSERT_EQ(0, vf_set(bdf, "transitional", "1"));
	ASSERT_EQ(0, vdev_open(&v, bdf));
	io_enable(&v);
	EXPECT_EQ(0, vf_get(bdf, "legacy_active"));
	io_set(&v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);
	EXPECT_EQ(1, vf_get(bdf, "legacy_active"));
	io_set(&v, REG_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	EXPECT_EQ(1, vf_get(bdf, "legacy_active"));
	io_set(&v, REG_STATUS, 1, 0);
	EXPECT_EQ(0, vf_get(bdf, "legacy_active"));

	io_set(&v, REG_STATUS, 1, STATUS_DRIVER);
	ASSERT_EQ(0, vdev_reset(&v));
	EXPECT_EQ(0, vf_get(bdf, "legacy_active"));

	io_enable(&v);
	io_set(&v, REG_STATUS, 1, STATUS_DRIVER);
	EXPECT_EQ(1, vf_get(bdf, "legacy_active"));
	vdev_close(&v);
	EXPECT_EQ(0, vf_get(bdf, "legacy_active"));
}

/* A function that is no virtio VF, or has a BAR0 of its own. */
TEST_F(optin, other_function)
{
	const char *other = getenv("ORACLE");
	char driver[32];
	struct vdev v;

	if (!other || !*other)
		SKIP(return, "no other function to bind");

	pci_driver(other, driver, sizeof(driver));
	ASSERT_EQ(0, param_set("transitional", "Y"));
	ASSERT_EQ(0, pci_bind(other, DRIVER));
	EXPECT_EQ(0, vf_get(other, "legacy_supported"));
	EXPECT_EQ(0, vf_get(other, "transitional"));
	EXPECT_EQ(-EOPNOTSUPP, vf_set(other, "transitional", "1"));
	ASSERT_EQ(0, vdev_open(&v, other));
	EXPECT_EQ(0x1000, config_get(&v, PCI_DEVICE_ID, 2));
	io_enable(&v);
	EXPECT_NE(0xffffffff, io_get(&v, REG_HOST_FEATURES, 4));
	vdev_close(&v);
	ASSERT_EQ(0, pci_bind(other, *driver ? driver : "\n"));
}

/*
 * The way that NVIDIA's documentation tells people to bind. With the PF's
 * sriov_drivers_autoprobe off the PCI core heeds no ID for a VF.
 */
TEST_F(optin, new_id)
{
	char path[128], autoprobe[128], driver[32];

	snprintf(autoprobe, sizeof(autoprobe),
		 "/sys/bus/pci/devices/%s/sriov_drivers_autoprobe", env("PF"));
	ASSERT_EQ(0, sysfs_write(autoprobe, "1"));
	ASSERT_EQ(0, pci_unbind(self->bdf));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override",
		 self->bdf);
	ASSERT_EQ(0, sysfs_write(path, "\n"));
	ASSERT_EQ(0, sysfs_write(NEW_ID, "0x1af4 0x1041"));
	pci_driver(self->bdf, driver, sizeof(driver));
	EXPECT_STREQ(DRIVER, driver);
	EXPECT_EQ(0, sysfs_write(OLD_ID, "0x1af4 0x1041"));
	EXPECT_EQ(0, sysfs_write(autoprobe, "0"));
}

static void *unbind(void *arg)
{
	return (void *)(intptr_t)pci_unbind(arg);
}

/* Whoever has the device open is asked for it, and unbinding waits. */
TEST_F(optin, request)
{
	pthread_t thread;
	struct vdev v;
	void *result;
	int event;

	ASSERT_EQ(0, vdev_open(&v, self->bdf));
	event = event_enable(&v, VFIO_PCI_REQ_IRQ_INDEX);
	ASSERT_LE(0, event);
	ASSERT_EQ(0, pthread_create(&thread, NULL, unbind, (void *)self->bdf));
	EXPECT_TRUE(eventfd_wait(event, 5000));
	vdev_close(&v);
	pthread_join(thread, &result);
	EXPECT_TRUE(!result);
}

/* And told of errors on the bus. */
TEST_F(optin, aer)
{
	struct vdev v;
	int event;

	log_expect("AER: ");
	log_expect("PCIe Bus Error");
	log_expect("  device [1af4:1041] error status/mask");
	log_expect("CmpltTO");
	log_expect("can't recover");
	ASSERT_EQ(0, vdev_open(&v, self->bdf));
	event = event_enable(&v, VFIO_PCI_ERR_IRQ_INDEX);
	ASSERT_LE(0, event);
	EXPECT_FALSE(eventfd_wait(event, 100));
	card_inject_aer();
	EXPECT_TRUE(eventfd_wait(event, 5000));
	vdev_close(&v);
}

TEST_HARNESS_MAIN
