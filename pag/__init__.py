"""Dense scene parsing at a compute budget: the client, the command line, a service in this process."""
