"""What the user asks for: one schema of keys, their reading, their checks and their help."""
