from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("people", "0005_person_team")]
    operations = [
        migrations.AddField(
            model_name="person",
            name="is_active",
            field=models.BooleanField(default=True),
        ),
    ]
