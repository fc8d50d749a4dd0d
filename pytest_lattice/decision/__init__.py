"""The order of steps from a request to an outcome, and its explanation.

Everything here is pure: time and draws come in as arguments, nothing is awaited.
"""
