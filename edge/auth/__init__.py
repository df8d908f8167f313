"""Who someone is: development and SDK tokens."""
