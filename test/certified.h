/* For tests of the agent: one PKI and a good certificate file, and the simulated
 * modem's power off after each test. */
#ifndef TEST_CERTIFIED_H
#define TEST_CERTIFIED_H

#include "device.h"

static struct pki pki;
static struct material good;

static int set_up(void **state)
{
	(void)state;
	pki_init(&pki);
	material_init(&pki, &good);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pki_release(&pki);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	world_power_off();
	return 0;
}

#endif
