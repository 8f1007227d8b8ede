"""The error that is the user's to mend."""


class UserError(Exception):
    """A mistake that the user can mend; the message is one line that says how.

    The command line prints the message and ends with exit code 2, without a traceback.
    """
