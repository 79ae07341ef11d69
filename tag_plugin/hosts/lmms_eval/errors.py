"""A wrong configuration: the only error that ends the host's process."""


class WrongConfigurationError(SystemExit):
    """One message on stderr and exit code 1.

    The host prints the traceback of any other exception, goes on, and exits with 0.
    """
