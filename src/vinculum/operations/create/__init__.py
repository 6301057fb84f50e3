"""Backing up: the walk finds files, the intake turns them into chunks and items, the writer makes an archive of them."""
