import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("checklists", "0008_run")]
    operations = [
        migrations.CreateModel(
            name="Answer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("passed", models.BooleanField()),
                ("run", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="answers", to="checklists.run")),
                ("item", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="answers", to="checklists.item")),
            ],
        ),
    ]
