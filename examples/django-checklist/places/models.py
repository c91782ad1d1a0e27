from django.db import models

from people.models import Team


class Site(models.Model):
    name = models.CharField(max_length=120)
    address = models.TextField(blank=True, default="")
    timezone = models.CharField(max_length=40, default="UTC")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, related_name="sites")


class Area(models.Model):
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="areas")
    name = models.CharField(max_length=120)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="area_unique_per_site")]
