"""Health checks on the virtual clock, and targets that come and go.

Each target group in use is probed once an interval through the same apps that requests
go to; a probe is no request, and nothing records it.  What a probe means is known by
`routing.health`, what it asks by `targets.probe`.
"""
