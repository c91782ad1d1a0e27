from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("checklists", "0011_answer")]
    operations = [
        migrations.AddField(
            model_name="run",
            name="finished_at",
            field=models.DateTimeField(null=True),
        ),
    ]
