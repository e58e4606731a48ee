#!/usr/bin/env python3
"""gpu_load.py [ON_MS OFF_MS]: keeps an NVIDIA GPU busy with products of matrices, all the time, or
for ON_MS and then not for OFF_MS. For nvml-compare.sh; needs torch. Ends when it is killed.
SPDX-License-Identifier: GPL-3.0-or-later
"""
import sys
import time

import torch

on_s, off_s = (float(word) / 1000 for word in sys.argv[1:3]) if len(sys.argv) > 2 else (1.0, 0.0)
a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
b = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
while True:
    until = time.monotonic() + on_s
    while time.monotonic() < until:
        torch.matmul(a, b)
        torch.cuda.synchronize()
    time.sleep(off_s)
