"""Manifests of the AWS Gateway API Controller."""
