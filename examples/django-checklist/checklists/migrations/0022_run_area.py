import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("checklists", "0019_checklist_team"), ("places", "0020_site_team")]
    operations = [
        migrations.AddField(
            model_name="run",
            name="area",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="runs", to="places.area"
            ),
        ),
    ]
