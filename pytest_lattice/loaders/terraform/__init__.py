"""Plans and states of Terraform and OpenTofu, as ``terraform show -json`` has them."""
