import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("places", "0017_area_unique_per_site"), ("people", "0018_team_slug")]
    operations = [
        migrations.AddField(
            model_name="site",
            name="team",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="sites", to="people.team"
            ),
        ),
    ]
