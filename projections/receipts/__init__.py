"""The read model of receipts: how far messages were delivered and read."""
