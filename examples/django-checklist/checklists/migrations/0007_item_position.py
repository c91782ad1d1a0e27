from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("checklists", "0003_initial")]
    operations = [
        migrations.AddField(
            model_name="item",
            name="position",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AlterModelOptions(name="item", options={"ordering": ["position"]}),
    ]
