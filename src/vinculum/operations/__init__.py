"""What the program can do, one module or package per operation; knows events, but no user interface."""
