"""What people and programs connect to."""
