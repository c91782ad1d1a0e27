from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("checklists", "0012_run_finished_at")]
    operations = [
        migrations.AddField(
            model_name="answer",
            name="note",
            field=models.TextField(blank=True, default=""),
        ),
    ]
