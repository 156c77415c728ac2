# SPDX-License-Identifier: Apache-2.0
"""The rule "objects": candidates at many levels of evidence, how well each may fit, and the best."""
