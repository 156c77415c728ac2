# SPDX-License-Identifier: Apache-2.0
"""Pictures of scenes: rasterizer, paint, baked light."""
