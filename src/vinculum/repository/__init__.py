"""The transactional store from 32-byte ids to byte strings, on a local file system."""
