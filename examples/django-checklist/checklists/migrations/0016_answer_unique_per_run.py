from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("checklists", "0015_answer_note")]
    operations = [
        migrations.AddConstraint(
            model_name="answer",
            constraint=models.UniqueConstraint(fields=("run", "item"), name="answer_unique_per_run"),
        ),
    ]
