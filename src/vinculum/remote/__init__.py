"""Repositories on other machines: Borg's protocol, and the client that speaks it through ssh."""
