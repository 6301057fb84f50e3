"""What people and programs see while a command works."""
