"""Sealing and opening of stored objects."""
