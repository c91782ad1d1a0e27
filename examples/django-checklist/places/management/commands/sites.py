from django.core.management.base import BaseCommand
from django.db import DatabaseError
from django.test import RequestFactory

from places.views import sites


class Command(BaseCommand):
    help = "What GET /sites/ answers."

    def handle(self, *args: str, **options: str) -> None:
        try:
            response = sites(RequestFactory().get("/sites/"))
        except DatabaseError as error:
            self.stdout.write(f"500 Internal Server Error: {str(error).splitlines()[0]}")
            raise SystemExit(1) from None
        self.stdout.write(response.content.decode())
