"""What this client keeps of repositories: the cache, and what it knows them by."""
