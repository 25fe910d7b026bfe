"""The user interface: the command line, the terminal app and ``--batch``."""
