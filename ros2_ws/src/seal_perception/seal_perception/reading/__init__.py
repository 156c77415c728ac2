# SPDX-License-Identifier: Apache-2.0
"""Files that others wrote: texts, tables, arrays, pictures, all bounded before they are unpacked."""
