"""What people and browsers talk to: the `lam` command, and the processes it starts."""
