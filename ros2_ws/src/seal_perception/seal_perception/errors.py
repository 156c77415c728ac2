# SPDX-License-Identifier: Apache-2.0
"""The exceptions that a caller may want to catch; the command line prints them as one line."""

from __future__ import annotations


class SealError(Exception):
    """Something a user can mend; its text says what was expected, what came and what to do.

    Attributes:
        exit_code: with which a command ends.
    """

    exit_code = 1


class InputError(SealError, ValueError):
    """An array, message, file or option is not what was expected."""


class NoLabelsError(InputError):
    """There is nothing to learn from or to compare with: no label, or no true object."""

    exit_code = 3


class MissingDependencyError(SealError, ImportError):
    """An optional package is needed and absent; the text names what to install."""


class TruthForbiddenError(SealError):
    """The simulator's labels were asked for where only the robot's own senses may be used."""
