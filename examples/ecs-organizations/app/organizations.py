"""The organizations of the platform itself; schema/seeds/organizations.toml declares their rows."""

from uuid import UUID

PLATFORM = UUID("5d0c5f0e-8d1b-4b4f-9f0a-3f3f6c1d2a10")
SUPPORT = UUID("b7e3a1c4-52d9-4f57-8c1e-0a9d6e4f7b22")
