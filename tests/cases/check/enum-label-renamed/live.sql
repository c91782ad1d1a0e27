-- A label was renamed.
ALTER TYPE mood RENAME VALUE 'ok' TO 'o''k';
