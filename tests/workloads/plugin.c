// SPDX-License-Identifier: GPL-2.0-only
/* For sideband: code that is not there until dlopen() maps it. */
#include <stdint.h>

#include "work.h"

uint64_t plugin_work(uint64_t x)
{
	return work(x, 1000);
}
