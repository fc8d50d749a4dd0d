"""Who calls, and may they: policies, signatures and the reasons for a 403.

Everything here is pure: documents, requests, keys and the time come in as values.
"""
