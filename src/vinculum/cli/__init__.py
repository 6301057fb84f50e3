"""The command line: what is called, with which options, on which repository, and how it ends."""
