"""Parsers against whatever may come: one small module per parser in `targets`, `run.py` to look for findings, `corpus` to keep
what led somewhere new. The corpus is replayed with every run of the tests.
"""
