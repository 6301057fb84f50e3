"""How bytes and texts look, without what they mean."""
