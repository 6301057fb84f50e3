"""What must hold whatever happens, tried out on whole commands: `make torture` for long, `make test` for a short while.

`strikes` is loaded into the program and lets it fail as it is told, `scenarios` says which commands there are and what may come
of them, `trials` lets one strike happen, `judge` looks at what is left, `run` has that done ten thousand times and counts.
"""
