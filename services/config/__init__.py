"""Settings composed from what each part defines, and addresses and secrets from outside."""
