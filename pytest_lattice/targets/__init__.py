"""What answers behind a target group: test apps, handlers, servers."""
