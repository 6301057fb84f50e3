"""One module per command: `SUMMARY`, `OPERANDS`, `add_arguments(parser)` and `run(args, session)`."""
