from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("people", "0014_person_locale")]
    operations = [
        migrations.AddField(
            model_name="team",
            name="slug",
            field=models.SlugField(max_length=80, null=True, unique=True),
        ),
    ]
