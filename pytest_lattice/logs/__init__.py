"""What is recorded: queries over access-log entries, and where entries go."""
