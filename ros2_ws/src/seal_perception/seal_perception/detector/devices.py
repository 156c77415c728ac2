# SPDX-License-Identifier: Apache-2.0
"""Where a network runs: on a GPU if there is one for the large form, else on the CPU.

The small network always runs on the CPU, where equal input gives equal bytes. CUDA_VISIBLE_DEVICES= (empty) hides a
GPU from the large one too.
"""

from __future__ import annotations

import torch
from torch import nn

from seal_perception.detector.model import native_bfloat16, set_deterministic


def best_device() -> torch.device:
    """The GPU if torch can use one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_of(network: nn.Module) -> torch.device:
    """Where a network's parameters lie; the CPU for one without any."""
    first = next(network.parameters(), None)
    return torch.device("cpu") if first is None else torch.device(first.device)


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 itself."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return native_bfloat16()


def settle(threads: int, device: torch.device) -> None:
    """Fix torch's threads and kernels for the whole process; on a GPU kernels may differ in the last bits.

    torchvision has no deterministic kernel of RoIAlign's gradient on a GPU.
    """
    set_deterministic(threads)
    if device.type == "cuda":
        torch.use_deterministic_algorithms(False)
