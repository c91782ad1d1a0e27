import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("places", "0006_site_address")]
    operations = [
        migrations.CreateModel(
            name="Area",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("site", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="areas", to="places.site")),
            ],
        ),
    ]
