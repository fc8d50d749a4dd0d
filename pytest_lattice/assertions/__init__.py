"""What a test claims: assertions over responses, decisions and log entries."""
