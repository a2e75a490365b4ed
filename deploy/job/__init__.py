"""A plan compiled to steps and to one sh script, started on the server, and followed."""
