from django.conf import settings
from django.db import models

from people.models import Team
from places.models import Area, Site


class Checklist(models.Model):
    title = models.CharField(max_length=120)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, related_name="checklists")
    created_at = models.DateTimeField(auto_now_add=True)


class Item(models.Model):
    checklist = models.ForeignKey(Checklist, on_delete=models.CASCADE, related_name="items")
    text = models.TextField()
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position"]


class Run(models.Model):
    class Status(models.TextChoices):
        OPEN = "open"
        FINISHED = "finished"

    checklist = models.ForeignKey(Checklist, on_delete=models.PROTECT, related_name="runs")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="runs")
    area = models.ForeignKey(Area, on_delete=models.PROTECT, null=True, related_name="runs")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="runs")
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.OPEN)

    class Meta:
        indexes = [models.Index(fields=["status"], name="run_status_idx")]


class Answer(models.Model):
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="answers")
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="answers")
    passed = models.BooleanField()
    note = models.TextField(blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "item"], name="answer_unique_per_run")]
