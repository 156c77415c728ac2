# SPDX-License-Identifier: Apache-2.0
"""Small shared types, detectors, fine-tuning and evaluation for SEAL."""

__version__ = "0.1.0"
