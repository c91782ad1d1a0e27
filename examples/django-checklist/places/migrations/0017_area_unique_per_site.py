from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("places", "0013_site_timezone")]
    operations = [
        migrations.AddConstraint(
            model_name="area",
            constraint=models.UniqueConstraint(fields=("site", "name"), name="area_unique_per_site"),
        ),
    ]
