"""What is declared: frozen values in AWS's nouns.

Nothing here knows how a request is answered, and nothing here imports anything
beyond the standard library.
"""
