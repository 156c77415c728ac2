# SPDX-License-Identifier: Apache-2.0
"""The main job: explore, label, fine-tune, evaluate; each stage done once."""
