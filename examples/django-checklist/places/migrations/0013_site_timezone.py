from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("places", "0010_area")]
    operations = [
        migrations.AddField(
            model_name="site",
            name="timezone",
            field=models.CharField(default="UTC", max_length=40),
        ),
    ]
