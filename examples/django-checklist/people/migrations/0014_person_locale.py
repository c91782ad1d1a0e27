from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("people", "0009_person_is_active")]
    operations = [
        migrations.AddField(
            model_name="person",
            name="locale",
            field=models.CharField(default="en", max_length=10),
        ),
    ]
