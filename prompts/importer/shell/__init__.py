"""The shell: commands of curl are rewritten, nothing else."""
