from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("places", "0002_initial")]
    operations = [
        migrations.AddField(
            model_name="site",
            name="address",
            field=models.TextField(blank=True, default=""),
        ),
    ]
