/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walks through all states that model.c leads to; ./run says how, and what for.
 */
c_decl {
	\#include "model.h"
};
c_track "&S" "sizeof(struct world)";

#define GO(n) d_step { c_expr { S.choices > n } -> c_code { model_take(n); } }

active proctype world()
{
	c_code { model_begin(); };
end:	do
	:: c_expr { S.broken } -> assert(false)
	/* More ways than there are lines here. */
	:: c_expr { S.choices > 28 } -> assert(false)
	:: GO(0)
	:: GO(1)
	:: GO(2)
	:: GO(3)
	:: GO(4)
	:: GO(5)
	:: GO(6)
	:: GO(7)
	:: GO(8)
	:: GO(9)
	:: GO(10)
	:: GO(11)
	:: GO(12)
	:: GO(13)
	:: GO(14)
	:: GO(15)
	:: GO(16)
	:: GO(17)
	:: GO(18)
	:: GO(19)
	:: GO(20)
	:: GO(21)
	:: GO(22)
	:: GO(23)
	:: GO(24)
	:: GO(25)
	:: GO(26)
	:: GO(27)
	od
}
