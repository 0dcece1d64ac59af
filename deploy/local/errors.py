"""What can go wrong when a stack is started or stopped."""


class StackError(Exception):
    """A part of the stack could not be found, started or stopped; the message says what to do about it."""


class NotReadyError(StackError):
    """A bounded wait ran out."""
