// SPDX-License-Identifier: GPL-2.0-only
/* For phases: the library that its two processes share. */
#include "spin.h"

SPIN_FUNCTION(lib_0)
SPIN_FUNCTION(lib_1)
