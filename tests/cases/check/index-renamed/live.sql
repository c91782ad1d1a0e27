-- One likely rename.
ALTER INDEX users_email_idx RENAME TO ix_users_email;
