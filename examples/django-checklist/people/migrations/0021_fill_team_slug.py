from django.db import migrations
from django.utils.text import slugify


def fill(apps, schema_editor):
    """Gives every team without one a slug; the id makes it unique."""
    team = apps.get_model("people", "Team")
    for one in team.objects.filter(slug=None):
        one.slug = f"{slugify(one.name)}-{one.pk}"
        one.save(update_fields=["slug"])


class Migration(migrations.Migration):
    dependencies = [("people", "0018_team_slug")]
    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
