#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# program.sh - makes the program that the bench's samples lie in: as many
# functions, as large and at the same address, as synth.h says.
#
# usage: program.sh FILE

{
	echo '.text'
	awk 'BEGIN { for (i = 0; i < 1000; i++)
		printf ".globl work_%d\n.type work_%d,@function\nwork_%d:\n.skip 64,0x90\n.size work_%d,64\n",
		       i, i, i, i }'
} | ${CC:-cc} -x assembler -nostdlib -static -no-pie -Wl,-Ttext=0x401000,-e,work_0 \
	-Wl,-z,noseparate-code -o "$1" -
