# SPDX-License-Identifier: Apache-2.0
"""`seal live` and `seal layout`: looking at a run that somebody else started."""
