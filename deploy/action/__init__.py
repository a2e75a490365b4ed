"""The GitHub Actions step: its inputs, its key, and the one `fab` that it stands for. See action.yml."""
