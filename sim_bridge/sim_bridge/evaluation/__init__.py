# SPDX-License-Identifier: Apache-2.0
"""Made from the truth, for evaluation only: frames and ObjectNav episodes."""
