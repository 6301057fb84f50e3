"""This machine: files, places, owners, devices and the identity of host and process."""
