"""Case files: requests and what is expected of them, collected by pytest as tests."""
