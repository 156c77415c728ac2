# SPDX-License-Identifier: Apache-2.0
"""Learning: augmentation, the training loop, fine-tuning, pre-training."""
