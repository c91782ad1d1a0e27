import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("checklists", "0016_answer_unique_per_run"), ("people", "0018_team_slug")]
    operations = [
        migrations.AddField(
            model_name="checklist",
            name="team",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="checklists", to="people.team"
            ),
        ),
    ]
