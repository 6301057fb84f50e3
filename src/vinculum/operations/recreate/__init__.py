"""Making archives anew out of what they hold: some of their files, otherwise cut, otherwise compressed."""
