# SPDX-License-Identifier: Apache-2.0
"""`seal experiment`: tables of the paper, a module per table."""
