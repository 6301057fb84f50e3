"""What is in a repository: manifest, archives, their items and content, and how files are chosen."""
