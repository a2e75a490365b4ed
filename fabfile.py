"""The commands of this project: `fab --list`."""

from deploy.tasks import ns

__all__ = ["ns"]
