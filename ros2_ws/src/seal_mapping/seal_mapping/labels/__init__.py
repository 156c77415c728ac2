# SPDX-License-Identifier: Apache-2.0
"""3DLabelProp (Algorithm 4): from voxels to instances to label pictures."""
