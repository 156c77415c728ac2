# SPDX-License-Identifier: Apache-2.0
"""The paint kernel as it was first written: what the faster one must equal bit by bit."""

from __future__ import annotations

import numba
import numpy as np

from sim_bridge.render import MAX_LEVELS, NO_FACE


@numba.njit
def reference_paint(  # type: ignore[no-untyped-def]
    rgb, depth, hit, face, bary, uv, light, material, density, texels, levels,
    to_linear, tone, outside, focal, row0, row1,
):  # fmt: skip
    """Colour and depth of rows row0..row1; `levels` (M, L, 3): offset, width, height of each mip level."""
    tone_last = len(tone) - 1
    one = np.float32(1.0)
    for r in range(row0, row1):
        for c in range(face.shape[1]):
            f = face[r, c]
            if f == NO_FACE:
                depth[r, c] = np.float32(0.0)
                rgb[r, c, 0], rgb[r, c, 1], rgb[r, c, 2] = outside[0], outside[1], outside[2]
                continue
            distance = hit[r, c]
            depth[r, c] = distance
            b1, b2 = bary[r, c, 0], bary[r, c, 1]
            b0 = one - b1 - b2
            m = material[f]
            footprint = density[f] * distance * focal
            level = 0
            while footprint > np.float32(1.4) and level < MAX_LEVELS - 1:
                footprint *= np.float32(0.5)
                level += 1
            base, width, height = levels[m, level, 0], levels[m, level, 1], levels[m, level, 2]
            a0, a1, a2 = np.float32(0.0), np.float32(0.0), np.float32(0.0)
            if width == 1 and height == 1:
                a0, a1, a2 = to_linear[texels[base, 0]], to_linear[texels[base, 1]], to_linear[texels[base, 2]]
            else:
                tu = b0 * uv[f, 0, 0] + b1 * uv[f, 1, 0] + b2 * uv[f, 2, 0]
                tv = b0 * uv[f, 0, 1] + b1 * uv[f, 1, 1] + b2 * uv[f, 2, 1]
                x = (tu - np.floor(tu)) * np.float32(width) - np.float32(0.5)
                y = (tv - np.floor(tv)) * np.float32(height) - np.float32(0.5)
                fx0, fy0 = np.floor(x), np.floor(y)
                wx, wy = x - fx0, y - fy0
                x0, y0 = int(fx0), int(fy0)
                if x0 < 0:
                    x0 += width
                if y0 < 0:
                    y0 += height
                if x0 >= width:
                    x0 -= width
                if y0 >= height:
                    y0 -= height
                x1 = x0 + 1 if x0 + 1 < width else 0
                y1 = y0 + 1 if y0 + 1 < height else 0
                p00, p01 = base + y0 * width + x0, base + y0 * width + x1
                p10, p11 = base + y1 * width + x0, base + y1 * width + x1
                w00, w01 = (one - wx) * (one - wy), wx * (one - wy)
                w10, w11 = (one - wx) * wy, wx * wy
                a0 = to_linear[texels[p00, 0]] * w00 + to_linear[texels[p01, 0]] * w01
                a0 += to_linear[texels[p10, 0]] * w10 + to_linear[texels[p11, 0]] * w11
                a1 = to_linear[texels[p00, 1]] * w00 + to_linear[texels[p01, 1]] * w01
                a1 += to_linear[texels[p10, 1]] * w10 + to_linear[texels[p11, 1]] * w11
                a2 = to_linear[texels[p00, 2]] * w00 + to_linear[texels[p01, 2]] * w01
                a2 += to_linear[texels[p10, 2]] * w10 + to_linear[texels[p11, 2]] * w11
            l0 = b0 * light[f, 0, 0] + b1 * light[f, 1, 0] + b2 * light[f, 2, 0]
            l1 = b0 * light[f, 0, 1] + b1 * light[f, 1, 1] + b2 * light[f, 2, 1]
            l2 = b0 * light[f, 0, 2] + b1 * light[f, 1, 2] + b2 * light[f, 2, 2]
            rgb[r, c, 0] = tone[min(int(a0 * l0), tone_last)]
            rgb[r, c, 1] = tone[min(int(a1 * l1), tone_last)]
            rgb[r, c, 2] = tone[min(int(a2 * l2), tone_last)]
