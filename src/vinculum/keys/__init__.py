"""Keys of repositories: modes, secrets, passphrases, counters and the authentication of metadata."""
