//! Django, with a table of its own beside the project's.

use std::fs;

use super::taken::{adopt, migrations, prove, reference};
use super::tools::{address, did_not_run, python, tool};
use crate::support;

const SETTINGS: &str = r"
import os
SECRET_KEY = 'test'
INSTALLED_APPS = ['django.contrib.contenttypes', 'platform_app']
DATABASES = {'default': {
    'ENGINE': 'django.db.backends.postgresql',
    'HOST': os.environ['DB_HOST'], 'USER': os.environ['DB_USER'], 'NAME': os.environ['DB_NAME'],
}}
USE_TZ = True
";

#[test]
fn djangos_history_is_taken_over() {
    let Some(python) = python() else { return did_not_run("Django") };
    let (project, database) = (reference(), support::database());
    let home = tempfile::tempdir().unwrap();
    let app = home.path().join("platform_app/migrations");
    fs::create_dir_all(&app).unwrap();
    fs::write(home.path().join("settings.py"), SETTINGS).unwrap();
    for package in [app.parent().unwrap(), &app] {
        fs::write(package.join("__init__.py"), "").unwrap();
    }
    let mut before = String::new();
    for migration in migrations(&project).iter().take(4) {
        let name = format!("{:04}_{}", migration.version, migration.name);
        let text = format!(
            "import pathlib\nfrom django.db import migrations\n\nclass Migration(migrations.Migration):\n    \
             dependencies = [{before}]\n    operations = [migrations.RunSQL(\
             pathlib.Path(__file__).with_suffix('.sql').read_text())]\n"
        );
        before = format!("('platform_app', '{name}')");
        fs::write(app.join(format!("{name}.py")), text).unwrap();
        fs::write(app.join(format!("{name}.sql")), &migration.sql).unwrap();
    }
    let (user, name, socket) = address(&database);
    tool(&python, home.path())
        .envs([("DB_USER", user), ("DB_NAME", name), ("DB_HOST", socket)])
        .env("DJANGO_SETTINGS_MODULE", "settings")
        .env("PYTHONPATH", home.path())
        .args(["-m", "django", "migrate", "--verbosity", "0"])
        .exit(0);
    assert_eq!(
        database.value("SELECT count(*)::text FROM django_migrations WHERE app = 'platform_app'"),
        "4"
    );

    // A table of Django's own is no part of the version: somebody has to say that it may stay.
    let words = ["V4__api_keys_user_id", "table public.django_content_type differs", "--accept-drift"];
    adopt(&project, &database, &["--yes"]).exit(4).says(words);
    assert_eq!(database.value("SELECT (to_regnamespace('trueup') IS NULL)::text"), "true");
    let accept = ["--accept-drift", "public.django_*"];
    prove(&project, &database, ("Django", "public.django_migrations"), 4, &accept);
    let detail = database.value("SELECT detail FROM trueup.steps WHERE action = 'adopt'");
    assert!(detail.ends_with("accepted: table public.django_content_type"), "{detail}");
}
