"""Checking the archives of a repository and repairing them; the segment files are checked in `repository.check`."""
