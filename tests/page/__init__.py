"""A package, so that its browser ends with its last test: while one runs, nobody else may run asyncio."""
