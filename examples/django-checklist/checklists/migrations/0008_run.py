import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("checklists", "0007_item_position"), ("people", "0005_person_team"), ("places", "0006_site_address")]
    operations = [
        migrations.CreateModel(
            name="Run",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("started_at", models.DateTimeField(auto_now_add=True)),
                ("checklist", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="runs", to="checklists.checklist")),
                ("site", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="runs", to="places.site")),
                (
                    "started_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="runs", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
    ]
