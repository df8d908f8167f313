"""What the audit log says, who did what to what and how it ended, and how nobody can change it unseen."""
