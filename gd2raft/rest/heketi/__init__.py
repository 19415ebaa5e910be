"""heketi v10's endpoints at the root paths: a door for its clients to the same commands as /v1. docs/design/heketi.md."""
