"""The read model of receipts: up to which message each user has received and read."""
