"""Restoring: the flow decides what comes back, the target creates it safely, attributes come last."""
