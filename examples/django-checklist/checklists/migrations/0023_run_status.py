from django.db import migrations, models


def fill(apps, schema_editor):
    """A run that has an end is finished."""
    run = apps.get_model("checklists", "Run")
    run.objects.exclude(finished_at=None).update(status="finished")


class Migration(migrations.Migration):
    dependencies = [("checklists", "0022_run_area")]
    operations = [
        migrations.AddField(
            model_name="run",
            name="status",
            field=models.CharField(
                choices=[("open", "Open"), ("finished", "Finished")], default="open", max_length=8
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex(model_name="run", index=models.Index(fields=["status"], name="run_status_idx")),
    ]
