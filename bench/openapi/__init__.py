"""`bench openapi`: schemathesis on both descriptions of REST. What is left out of its checks, and why, is in v1.toml and heketi.toml."""
